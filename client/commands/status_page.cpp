#include "client/commands/status_page.hpp"

#include <algorithm>

#include "client/plan_left.hpp"
#include "client/status_warnings.hpp"
#include "protocol/limit_text.hpp"

namespace capsule {
namespace {

std::string counted(std::uint64_t count, std::string_view what) {
    return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

Cell cell_of(const ProviderStatus& provider, const std::string& agent) {
    const auto found = provider.cells.find(agent);
    const std::string state = found == provider.cells.end() ? "unsupported" : found->second;
    if (state == "ready" && provider.key.doubtful) return {"doubtful", Tone::warning};
    if (state == "native" || state == "ready") return {state, Tone::good};
    if (state == "no_key") return {"no key", Tone::plain};
    if (state == "unsupported") return {"n/a", Tone::dim};
    return {state, Tone::dim};
}

Cell key_of(const KeyStatus& key) {
    if (key.state == "present") return {key.masked.value_or("present"), key.doubtful ? Tone::warning : Tone::good};
    if (key.state == "error") return {"error", Tone::bad};
    if (key.state == "unresolved") return {"not read yet", Tone::plain};
    return {key.state, Tone::dim};
}

std::string label_of(const StatusResult& status, const std::string& provider) {
    for (const ProviderStatus& each : status.providers)
        if (each.id == provider) return each.label;
    return provider;
}

/// What `exec AGENT` would start, which is what explains "why did my session go there?".
Cell default_of(const StatusResult& status, const Defaults& defaults, const std::string& agent) {
    const auto found = defaults.find(agent);
    if (found == defaults.end()) return {"?", Tone::dim};
    const ProvidersListResult& list = found->second;
    if (list.default_) return {label_of(status, *list.default_), Tone::strong};
    if (list.default_from) return {"its default cannot be used", Tone::bad};
    if (list.choices.size() > 1) return {"no default: use --provider", Tone::warning};
    if (list.choices.size() == 1) return {"no default: its key is missing", Tone::warning};
    return {"no default: no key", Tone::bad};
}

std::string head(const StatusResult& status, const Style& style) {
    Table table;
    const ConfigStatus& config = status.config;
    std::string file = config.path.value_or("no file: built-in defaults");
    if (config.loaded_at && config.path) file += ", loaded " + *config.loaded_at;
    table.add({{"socket", Tone::dim}, {status.socket}});
    table.add({{"config", Tone::dim}, {file}});
    if (!config.ok)
        table.add({{"", Tone::dim},
                   {"the last load failed, the older configuration is in force: " + config.error.value_or("unknown"),
                    Tone::bad}});
    table.add({{"served", Tone::dim},
               {counted(status.requests.total, "request") + ", " + std::to_string(status.requests.errors) +
                " with errors; " + std::to_string(status.connections.open) + " of " +
                std::to_string(status.connections.limit) + " connections open"}});
    const Tone tone = config.ok ? Tone::good : Tone::bad;
    const std::string name = "capsuled " + printable(status.version);
    const std::string life = "pid " + std::to_string(status.pid) + ", up " + duration_text(status.uptime_s);
    const bool fits = style.width == 0 || name.size() + life.size() + 4 <= style.width;
    return paint("●", tone, style) + " " + paint(name, Tone::strong, style) + (fits ? "  " : "\n  ") +
           wrapped(life, style.width > 2 ? style.width - 2 : 0, 2) + "\n" + table.text(style, 2);
}

std::string providers(const StatusResult& status, const Style& style) {
    std::vector<std::string> heading{"PROVIDER", "KEY", "FROM"};
    for (const AgentStatus& agent : status.agents)
        heading.push_back(agent.label);
    const bool any_usage =
        std::ranges::any_of(status.providers, [](const auto& each) { return each.usage.has_value(); });
    if (any_usage) heading.push_back("PLAN");
    Table table(heading);
    // Nobody knows a key while the capsuled that has it is away.
    const bool away = warns_of(status, "keys.unreachable");
    for (const ProviderStatus& provider : status.providers) {
        std::vector<Cell> row{{provider.label}, key_of(provider.key), {provider.key.source.value_or("-"), Tone::dim}};
        if (away) row = {{provider.label}, {"?", Tone::dim}, {"the keys' side is away", Tone::bad}};
        for (const AgentStatus& agent : status.agents) {
            const Cell cell = cell_of(provider, agent.id);
            row.push_back(away && cell.text == "no key" ? Cell{"?", Tone::dim} : cell);
        }
        if (any_usage) row.push_back((provider.usage ? least_left(*provider.usage) : std::nullopt).value_or(Cell{}));
        table.add(std::move(row));
    }
    return table.text(style);
}

/// What a provider would say to the next session, as far as the last one knows.
std::string notes(const StatusResult& status, const Style& style) {
    std::vector<Warning> lines;
    for (const ProviderStatus& each : status.providers)
        if (each.limit)
            lines.push_back(
                {"", each.label + " refused a request, and has answered none since: " + limit_text(*each.limit)});
    return warnings_text(lines, style);
}

std::string agents(const StatusResult& status, const Defaults& defaults, const Style& style) {
    const bool is_known = knows_what_is_installed(status);
    Table table({"AGENT", "STARTS ON", "VERSION", "BINARY"});
    for (const AgentStatus& agent : status.agents) {
        const Cell binary =
            agent.binary ? Cell{*agent.binary} : Cell{is_known ? "not installed" : "not found", Tone::warning};
        table.add(
            {{agent.label},
             default_of(status, defaults, agent.id),
             {agent.version.value_or(agent.binary ? "not known yet" : "-"), agent.version ? Tone::plain : Tone::dim},
             binary});
    }
    const bool any_missing = std::ranges::any_of(status.agents, [](const auto& each) { return !each.binary; });
    if (!any_missing || !status.path) return table.text(style);
    const std::string where =
        "no such program in " + *status.path + (is_known ? "" : ", as far as it can be looked at");
    return table.text(style) +
           wrapped(printable((is_known ? "Not installed: " : "Not found: ") + where +
                             ". PATH in [env] of capsule.toml names other directories."),
                   style.width, 0) +
           "\n";
}

}  // namespace

std::string status_page(const StatusResult& status, const Defaults& defaults, const Style& style) {
    std::string page = head(status, style) + "\n" + providers(status, style) + notes(status, style) + "\n" +
                       agents(status, defaults, style);
    const bool any_key = std::any_of(status.providers.begin(), status.providers.end(), [](const ProviderStatus& each) {
        return each.key.state == "present" || each.key.state == "unresolved";
    });
    if (!status.warnings.empty()) page += "\n" + warnings_text(status.warnings, style);
    if (!any_key && !warns_of(status, "keys.none") && !warns_of(status, "keys.unreachable"))
        page +=
            "\n" +
            paragraph("No provider has a key yet: \"capsulectl auth\" says how to get one and where to put it.", style);
    return page;
}

}  // namespace capsule
