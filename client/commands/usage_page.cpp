#include "client/commands/usage_page.hpp"

#include "client/plan_left.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace {

/// "in 2 h 10 min"; the time itself where it is not understood.
std::string resets(const std::optional<std::string>& at, std::time_t now) {
    if (!at) return "-";
    const auto then = utc_time(*at);
    if (!then) return *at;
    const double seconds = std::difftime(std::chrono::system_clock::to_time_t(*then), now);
    return seconds > 0 ? "in " + duration_text(seconds) : "now";
}

}  // namespace

std::string usage_page(const UsageResult& result, const Style& style, std::time_t now) {
    if (result.providers.empty())
        return "No provider with a key is known to say what is left: \"capsulectl auth\" says how to get one.\n";
    Table table({"PROVIDER", "PLAN", "WINDOW", "USED", "BEGINS ANEW"});
    std::vector<Warning> notes;
    std::string undocumented;
    for (const UsageRow& row : result.providers) {
        if (row.error)
            notes.push_back({"", row.label + ": " + *row.error +
                                     (row.windows.empty() ? "" : "; shown is what it said as of " + row.fetched_at)});
        bool first = true;
        for (const UsageWindow& window : row.windows) {
            table.add({{first ? row.label : "", Tone::strong},
                       {first ? row.plan.value_or("-") : ""},
                       {window.label},
                       {std::to_string(window.used_percent) + " %", plan_tone(window.used_percent)},
                       {resets(window.resets_at, now), Tone::dim}});
            first = false;
        }
        if (row.source == "undocumented" && !row.windows.empty())
            undocumented += (undocumented.empty() ? "" : ", ") + row.label;
    }
    std::string text = table.empty() ? "" : table.text(style);
    if (!undocumented.empty())
        text += wrapped("Not documented by the provider, and so without any promise: " + printable(undocumented) + ".",
                        style.width, 0) +
                "\n";
    return text + warnings_text(notes, style);
}

}  // namespace capsule
