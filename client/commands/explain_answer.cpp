#include "client/commands/explain_answer.hpp"

#include <algorithm>

#include "client/commands/session_summary.hpp"

namespace capsule {
namespace {

constexpr std::string_view from_key = "key: ";

/// "…0001 in ANTHROPIC_AUTH_TOKEN". A key may stand under two names.
std::string where_the_key_stands(const ExplainResult& plan) {
    std::string out;
    for (const ExplainedVariable& variable : plan.env) {
        if (!variable.from.starts_with(from_key)) continue;
        out += out.empty() ? variable.value + " in " + variable.name : " and " + variable.name;
    }
    return out;
}

std::string planned_key(const ExplainResult& plan) {
    const std::string stands = where_the_key_stands(plan);
    if (stands.empty()) return "none: the login in the home is used, if there is one";
    const std::string source = "from " + plan.key_source.value_or("an unknown source");
    const bool token = plan.session && plan.session->keys == "broker";
    return (token ? "held by the broker, " + source + "; the session has a token, " + stands : stands + ", " + source) +
           scope_text(plan.workspace, plan.role);
}

std::string planned_held(const ExplainResult& plan) {
    const auto held = static_cast<std::size_t>(
        std::ranges::count_if(plan.settings, [](const FoundSetting& each) { return each.neutralised_by.has_value(); }));
    return held_text(held, plan.settings.size() - held) + (plan.settings.empty() ? "" : " (--all lists them)");
}

}  // namespace

std::string explain_answer(const ExplainResult& plan, const Style& style) {
    SessionSummary summary;
    summary.agent = plan.tab_label.substr(0, plan.tab_label.find(" (")) + ", as " + plan.user.name + " (uid " +
                    std::to_string(plan.user.uid) + ")";
    summary.provider = provider_text(plan.label, plan.because);
    summary.host = host_text(plan.base_url);
    summary.model = plan.model.value_or("the agent's own choice");
    summary.key = planned_key(plan);
    summary.held = planned_held(plan);
    std::string page = summary_text(summary, style);
    page += "\n" + paint(wrapped("Every variable, argument and file: --all", style.width, 0), Tone::dim, style) + "\n";
    if (!plan.warnings.empty()) page += "\n" + warnings_text(plan.warnings, style);
    return page;
}

}  // namespace capsule
