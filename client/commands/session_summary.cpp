#include "client/commands/session_summary.hpp"

namespace capsule {
namespace {

std::string settings_text(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " setting" : " settings");
}

}  // namespace

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

std::string host_text(const std::optional<std::string>& base_url) {
    if (!base_url) return "the agent's own choice";
    const std::size_t scheme = base_url->find("://");
    if (scheme == std::string::npos) return *base_url;
    const std::string rest = base_url->substr(scheme + 3);
    return rest.substr(0, rest.find('/')) + " (" + *base_url + ")";
}

std::string provider_text(const std::string& provider, const std::optional<Because>& because) {
    return because ? provider + ", because " + because->message : provider;
}

std::string scope_text(const std::optional<std::string>& workspace, const std::optional<std::string>& role) {
    std::string scope;
    if (workspace) scope = "workspace " + *workspace;
    if (role) scope += (scope.empty() ? "role " : ", role ") + *role;
    return scope.empty() ? scope : " (" + scope + ")";
}

std::string held_text(std::uint64_t held, std::uint64_t not_held) {
    std::string text = held == 0 ? "nothing: no setting would redirect the session"
                                 : settings_text(held) + " that would have redirected the session";
    if (not_held > 0) text += "; " + settings_text(not_held) + " could not be held";
    return text;
}

}  // namespace capsule
