#include "client/commands/explain_page.hpp"

#include <algorithm>

#include "client/commands/explain_answer.hpp"
#include "client/shell.hpp"

namespace capsule {
namespace {

std::string title(std::string_view text, const Style& style) {
    return "\n" + paint(wrapped(text, style.width, 0), Tone::strong, style) + "\n";
}

std::string names(std::string_view heading, const std::vector<std::string>& list, const Style& style) {
    if (list.empty()) return {};
    std::string joined;
    for (const std::string& name : list)
        joined += (joined.empty() ? "" : " ") + printable(name);
    const std::size_t width = style.width > 4 ? style.width - 2 : 0;
    return title(heading, style) + "  " + wrapped(joined, width, 2) + "\n";
}

/// What another source gives the session under a name of `dropped` is said where that is.
std::vector<std::string> not_in_session(const ExplainResult& plan) {
    std::vector<std::string> out;
    for (const std::string& name : plan.dropped)
        if (std::ranges::none_of(plan.env, [&](const ExplainedVariable& each) { return each.name == name; }))
            out.push_back(name);
    return out;
}

std::string indented(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        out += "      " + std::string(text.substr(0, end)) + "\n";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::string files(const ExplainResult& plan, const Style& style) {
    std::string out;
    for (const ExplainedFile& file : plan.files) {
        if (file.action == "unchanged" && !file.content) continue;  // it is not there, and is not to be there
        const std::string path = "  " + printable(file.path);
        const std::string what = printable(file.action) + ", from " + printable(file.from);
        const bool fits = style.width == 0 || display_width(path) + 2 + what.size() <= style.width;
        out += path + (fits ? "  " : "\n    ") + paint(what, Tone::dim, style) + "\n";
        if (file.content) out += indented(printable(*file.content, true));
    }
    return out.empty() ? out : title("Files", style) + out;
}

std::string settings(const ExplainResult& plan, const Style& style) {
    if (plan.settings.empty()) return {};
    Table held;
    Table not_held;
    for (const FoundSetting& setting : plan.settings) {
        const std::string what = setting.path + (setting.member.empty() ? "" : "  " + setting.member);
        if (setting.neutralised_by) {
            held.add({{what}, {setting.effect, Tone::dim}, {"held by " + *setting.neutralised_by}});
        } else {
            not_held.add({{what}, {setting.effect}});
        }
    }
    std::string out;
    if (!held.empty())
        out +=
            title("Settings that would have redirected this session, and have no effect", style) + held.text(style, 2);
    if (!not_held.empty()) out += title("Settings that have their effect", style) + not_held.text(style, 2);
    return out;
}

}  // namespace

std::string explain_page(const ExplainResult& plan, const Style& style) {
    std::string page = explain_head(plan, style);

    Table arguments;
    for (const ExplainedArgument& argument : plan.arguments)
        arguments.add({{argument.from, Tone::dim}, {shell_quoted(argument.value)}});
    if (arguments.empty())
        for (const std::string& word : plan.argv)
            arguments.add({{shell_quoted(word)}});
    page += title("Arguments", style) + arguments.text(style, 2);

    Table variables;
    for (const ExplainedVariable& variable : plan.env)
        variables.add({{variable.name}, {variable.from, Tone::dim}, {variable.value}});
    page += title("Environment, all of it", style) + variables.text(style, 2);
    page += files(plan, style);
    page += settings(plan, style);
    page += names("Removed, for launchers that merge instead of replacing", plan.unset, style);
    page += names("Not passed on from the caller's environment", not_in_session(plan), style);
    if (!plan.warnings.empty()) page += "\n" + warnings_text(plan.warnings, style);
    return page;
}

}  // namespace capsule
