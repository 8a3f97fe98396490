#include "client/commands/session_summary.hpp"

namespace capsule {
namespace {

std::string settings_text(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " setting" : " settings");
}

/// "api.z.ai (https://api.z.ai/api/anthropic)".
std::string host_text(const std::optional<std::string>& base_url) {
    if (!base_url) return "the agent's own choice";
    const std::size_t scheme = base_url->find("://");
    if (scheme == std::string::npos) return *base_url;
    const std::string rest = base_url->substr(scheme + 3);
    return rest.substr(0, rest.find('/')) + " (" + *base_url + ")";
}

/// "Z.AI, because --provider asked for it"
std::string provider_text(const std::string& provider, const std::optional<Because>& because) {
    return because ? provider + ", because " + because->message : provider;
}

/// " (workspace acme, role reviewer)"
std::string scope_text(const std::optional<std::string>& workspace, const std::optional<std::string>& role) {
    std::string scope;
    if (workspace) scope = "workspace " + *workspace;
    if (role) scope += (scope.empty() ? "role " : ", role ") + *role;
    return scope.empty() ? scope : " (" + scope + ")";
}

std::string held_text(const std::optional<SessionSettings>& settings) {
    if (!settings) return "not known: no directory was named when it was started";
    const auto [held, not_held] = *settings;
    std::string text = held == 0 ? "nothing: no setting would redirect the session"
                                 : settings_text(held) + " that would have redirected the session";
    if (not_held > 0) text += "; " + settings_text(not_held) + " could not be held";
    return text;
}

std::string key_text(const SessionFacts& facts) {
    if (facts.keys == "home") return "none: the login in the home is used, if there is one";
    const std::string source = "from " + facts.key_source.value_or("an unknown source");
    const std::string scope = scope_text(facts.workspace, facts.role);
    if (facts.keys == "broker")
        return "held by the broker, " + source + "; the session has a token" +
               (facts.stands ? ", " + *facts.stands : "") + scope;
    return (facts.stands ? *facts.stands + ", " + source : source + ", in the session's environment") + scope;
}

}  // namespace

SessionSummary session_summary(const SessionFacts& facts) {
    SessionSummary summary;
    summary.agent = facts.agent + ", as " + facts.user;
    summary.provider = provider_text(facts.provider, facts.because);
    summary.host = host_text(facts.base_url);
    summary.model = facts.model.value_or("the agent's own choice");
    summary.key = key_text(facts);
    summary.held = held_text(facts.settings);
    return summary;
}

std::string summary_text(const SessionSummary& summary, const Style& style) {
    Table table;
    table.add({{"agent", Tone::dim}, {summary.agent, Tone::strong}});
    table.add({{"provider", Tone::dim}, {summary.provider}});
    table.add({{"host", Tone::dim}, {summary.host}});
    table.add({{"model", Tone::dim}, {summary.model}});
    table.add({{"key", Tone::dim}, {summary.key}});
    table.add({{"held", Tone::dim}, {summary.held}});
    return table.text(style);
}

}  // namespace capsule
