// What only Claude Code has in the catalog, in capsule.toml and in the home.
#pragma once

#include <any>
#include <string_view>

#include "daemon/agents/session.hpp"
#include "daemon/config/config.hpp"

namespace capsule {

/// Which variable carries the key to Claude Code.
enum class ClaudeAuth {
    auth_token,  ///< ANTHROPIC_AUTH_TOKEN → "Authorization: Bearer"
    api_key,     ///< ANTHROPIC_API_KEY → "x-api-key"
};

/// Cell::details of Claude Code.
struct ClaudeCell {
    ClaudeAuth auth = ClaudeAuth::auth_token;
};

inline ClaudeCell claude_cell(const Cell& cell) {
    const auto* own = std::any_cast<ClaudeCell>(&cell.details);
    return own ? *own : ClaudeCell{};
}

/// Which of its own accounts a native session uses.
enum class ClaudeNative { automatic, oauth_token, api_key, home };

/// AgentConfig::own of Claude Code.
struct ClaudeSettings {
    ClaudeNative native = ClaudeNative::automatic;
};

inline ClaudeSettings claude_settings(const Config& config) {
    const auto* own = std::any_cast<ClaudeSettings>(&config.agent(Agent::claude).own);
    return own ? *own : ClaudeSettings{};
}

/// HomeFacts of Claude Code.
struct ClaudeHome {
    bool primary_key = false;   ///< .claude.json has a login's own key (primaryApiKey)
    bool others_key = false;    ///< claude_others_key_file is there, or may be at any time
    bool others_login = false;  ///< claude_others_login_file is there, or may be at any time
};

/// Where Claude Code 2.1.332 looks for an API key whatever the home is: the one of its own cloud. It sends what is
/// there as x-api-key, beside a token or in the place of a login.
inline constexpr std::string_view claude_others_key_file = "/home/claude/.claude/remote/.api_key";

/// The same for a login, which it takes where it is given no credential.
inline constexpr std::string_view claude_others_login_file = "/home/claude/.claude/remote/.oauth_token";

/// Of a session on a login in the home. Set to the name of any variable, it has Claude Code ignore the provider
/// variables of settings files, as `claude_managed_variable` does. With that one 2.1.332 takes no login of the home.
inline constexpr std::string_view claude_login_variable = "CLAUDE_CODE_HOST_AUTH_ENV_VAR";

/// Of every other session: set to 1.
inline constexpr std::string_view claude_managed_variable = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST";

inline ClaudeHome claude_home(const HomeFacts& facts) {
    const auto* own = std::any_cast<ClaudeHome>(&facts.of(Agent::claude));
    return own ? *own : ClaudeHome{};
}

/// The credential of Claude Code's own account; no provider's key, but resolved like one.
inline constexpr std::string_view claude_oauth_token_variable = "CLAUDE_CODE_OAUTH_TOKEN";

/// A Unix socket that Claude Code talks to in the place of its provider's host.
inline constexpr std::string_view claude_socket_variable = "ANTHROPIC_UNIX_SOCKET";

}  // namespace capsule
