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

std::string home_of(const ExplainResult& plan) {
    const auto home = std::ranges::find(plan.env, "HOME", &ExplainedVariable::name);
    return home == plan.env.end() ? "" : " in " + home->value;
}

SessionFacts planned(const ExplainResult& plan) {
    SessionFacts facts;
    facts.agent = plan.tab_label.substr(0, plan.tab_label.find(" ("));
    facts.user = plan.user.name + " (uid " + std::to_string(plan.user.uid) + ")" + home_of(plan);
    facts.provider = plan.label;
    facts.because = plan.because;
    facts.base_url = plan.base_url;
    facts.model = plan.model;
    const std::string stands = where_the_key_stands(plan);
    if (!stands.empty()) facts.stands = stands;
    const bool token = plan.session && plan.session->keys == "broker";
    facts.keys = stands.empty() ? "home" : token ? "broker" : "env";
    facts.key_source = plan.key_source;
    facts.workspace = plan.workspace;
    facts.role = plan.role;
    const auto held = static_cast<std::uint64_t>(
        std::ranges::count_if(plan.settings, [](const FoundSetting& each) { return each.neutralised_by.has_value(); }));
    facts.settings = SessionSettings{held, plan.settings.size() - held};
    return facts;
}

}  // namespace

std::string explain_answer(const ExplainResult& plan, const Style& style) {
    SessionSummary summary = session_summary(planned(plan));
    if (!plan.settings.empty()) summary.held += " (--all lists them)";
    std::string page = summary_text(summary, style);
    page += "\n" + paint(wrapped("Every variable, argument and file: --all", style.width, 0), Tone::dim, style) + "\n";
    if (!plan.warnings.empty()) page += "\n" + warnings_text(plan.warnings, style);
    return page;
}

std::string explain_head(const ExplainResult& plan, const Style& style) {
    return summary_text(session_summary(planned(plan)), style);
}

}  // namespace capsule
