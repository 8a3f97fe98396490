#include "daemon/catalog/variables.hpp"

#include <algorithm>
#include <array>

namespace capsule {
namespace {

constexpr std::array passthrough = std::to_array<std::string_view>(
    {// what a terminal program needs
     "PATH", "TERM", "COLORTERM", "TERM_PROGRAM", "LANG", "LANGUAGE", "LC_*", "TZ", "NO_COLOR", "FORCE_COLOR", "EDITOR",
     "VISUAL", "PAGER", "SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME",
     // the way to the network
     "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
     "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "CODEX_CA_CERTIFICATE",
     // who commits
     "GIT_AUTHOR_*", "GIT_COMMITTER_*", "GH_TOKEN", "JACKIN_*"});

constexpr std::array routing = std::to_array<std::string_view>(
    {// ---- Claude Code: address, credential, account
     "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_BETAS", "ANTHROPIC_CUSTOM_HEADERS",
     "ANTHROPIC_UNIX_SOCKET", "API_TIMEOUT_MS", "CLAUDE_CODE_API_BASE_URL", "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
     "CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "CLAUDE_CODE_CUSTOM_OAUTH_URL", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
     "CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_EXTRA_METADATA", "CLAUDE_CODE_OAUTH_CLIENT_ID",
     "CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "CLAUDE_CODE_OAUTH_SCOPES", "CLAUDE_CODE_OAUTH_TOKEN",
     "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR", "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
     "CLAUDE_CODE_SESSION_ACCESS_TOKEN", "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
     // ---- Claude Code: model
     "ANTHROPIC_CUSTOM_MODEL_OPTION", "ANTHROPIC_DEFAULT_FABLE_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL",
     "ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL",
     "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION", "CLAUDE_CODE_SUBAGENT_MODEL",
     // ---- Claude Code: other clouds
     "ANTHROPIC_AWS_API_KEY", "ANTHROPIC_AWS_BASE_URL", "ANTHROPIC_AWS_WORKSPACE_ID", "ANTHROPIC_BEDROCK_BASE_URL",
     "ANTHROPIC_BEDROCK_MANTLE_BASE_URL", "ANTHROPIC_FOUNDRY_API_KEY", "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
     "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_FOUNDRY_RESOURCE", "ANTHROPIC_VERTEX_BASE_URL",
     "ANTHROPIC_VERTEX_PROJECT_ID", "AWS_BEARER_TOKEN_BEDROCK", "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
     "CLAUDE_CODE_SKIP_FOUNDRY_AUTH", "CLAUDE_CODE_SKIP_MANTLE_AUTH", "CLAUDE_CODE_SKIP_VERTEX_AUTH",
     "CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE",
     "CLAUDE_CODE_USE_VERTEX",
     // ---- Codex
     "CODEX_ACCESS_TOKEN", "CODEX_API_KEY", "CODEX_OSS_BASE_URL", "CODEX_OSS_PORT", "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
     "JACKIN_CODEX_PROFILE", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT",
     // ---- OpenCode
     "OPENCODE_API_KEY", "OPENCODE_AUTH_CONTENT", "OPENCODE_CONFIG", "OPENCODE_CONFIG_CONTENT", "OPENCODE_CONFIG_DIR",
     "OPENCODE_DISABLE_PROJECT_CONFIG", "OPENCODE_MODELS_PATH", "OPENCODE_MODELS_URL", "OPENCODE_PERMISSION"});

/// Beside the routing variables: what would run other code, or speak in the daemon's own name.
constexpr std::array reserved = std::to_array<std::string_view>(
    {"CAPSULE_*", "OP_*", "LD_*", "NODE_OPTIONS", "BASH_ENV", "PYTHONPATH", "JACKIN_CODEX_PROFILE"});

constexpr std::array daemons_login = std::to_array<std::string_view>(
    {"XDG_*", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
     "GPG_AGENT_INFO", "ICEAUTHORITY", "TMUX", "TMUX_PANE"});

constexpr std::array config_locations =
    std::to_array<std::string_view>({"CODEX_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"});

bool any_matches(std::span<const std::string_view> patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view p) { return matches(p, name); });
}

}  // namespace

bool is_variable_name(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
    return !name.empty() && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool matches(std::string_view pattern, std::string_view name) {
    if (!pattern.ends_with('*')) return pattern == name;
    pattern.remove_suffix(1);
    return name.starts_with(pattern);
}

std::span<const std::string_view> default_passthrough() {
    return passthrough;
}

std::span<const std::string_view> routing_variables() {
    return routing;
}

bool is_reserved(std::string_view name) {
    return any_matches(reserved, name) || any_matches(routing, name);
}

bool is_of_the_daemons_login(std::string_view name) {
    return any_matches(daemons_login, name);
}

bool is_config_location(std::string_view name) {
    return any_matches(config_locations, name);
}

}  // namespace capsule
