// What the renderers must know besides the Route: whose session it is, and what was found out before. No I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/secret.hpp"
#include "daemon/config/config.hpp"
#include "daemon/agents/plan.hpp"
#include "daemon/routing/route.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// The session's user and where the agents' files of that user are. Settled when the configuration is loaded.
struct SessionHome {
    SessionUser user;
    bool same_user = true;  ///< as the daemon
    std::string home;
    std::string shell;
    std::string shell_from = "session user";  ///< for explain
    std::optional<std::string> codex_home;         ///< as it goes into the env; none: ~/.codex
    std::optional<std::string> xdg_config_home;    ///< none: ~/.config
    std::optional<std::string> claude_config_dir;  ///< none: ~/.claude and ~/.claude.json

    std::string codex_directory() const;
    std::string opencode_json() const;
    std::string claude_json() const;
};

/// What was read in the home before rendering.
struct HomeFacts {
    bool codex_auth_json = false;
    std::vector<std::string> codex_dotenv_names;  ///< variables that ~/.codex/.env sets
    bool claude_primary_key = false;              ///< .claude.json has a login's own key (primaryApiKey)
};

/// What a provider's key is for the files: global scope only, and whether any scope has it.
struct FileKey {
    std::optional<Secret> global;
    bool any_scope = false;
};

/// Codex's own model catalog, as `codex debug models` printed it; none: no usable Codex.
struct CodexModels {
    std::optional<std::string> json;
    std::string problem;  ///< why there is none
};

struct SessionInputs {
    const Config& config;
    const SessionHome& home;
    const HomeFacts& facts;
    const CodexModels& codex_models;
    const std::map<std::string, Secret>& daemon_env;  ///< the daemon's own environment, as it was at start
    const std::map<std::string, std::string>& request_env;
    std::optional<Secret> key;                        ///< of the route, when it has one
    std::string key_from;                             ///< its source, such as "environment"
    std::string key_variable;                         ///< that it was found under
    const std::map<std::string, FileKey>& file_keys;  ///< by provider id
    std::optional<std::string> binary;                ///< of the agent; none: not installed
    std::optional<std::string> workspace{};           ///< whose [workspaces.<name>.env] the session has too
    std::optional<std::string> role{};
};

/// Everything but the route's own part: allowlisted variables, [env], HOME and the like, CAPSULE_AGENT and
/// CAPSULE_PROVIDER, `dropped`. See session_env.cpp for the order.
void render_session_env(Plan& plan, const Route& route, const SessionInputs& inputs);

/// The PATH that the session will have: where its agent's binary is to be looked for. Absolute entries only, never
/// empty.
std::string session_path(const SessionInputs& inputs);

/// Proxies that Claude Code takes from a settings file all the same: its requests, an API key with them, would go
/// there.
inline constexpr std::string_view claude_held_proxies[] = {"ALL_PROXY", "all_proxy"};

/// Whether --settings can hold this one: not where the session has one with a password, which is not for arguments.
bool can_hold_proxy(const Plan& plan, std::string_view name);

/// Adds what keeps a settings file's ANTHROPIC_UNIX_SOCKET from a Claude Code session: for sessions where such a file
/// was found only, since no settings file can then override any variable that the session begins with.
void hold_claude_socket(Plan& plan);

/// Has OpenCode leave the project's configuration out: for sessions where it would send something out by itself.
void leave_project_out(Plan& plan, std::string_view from);

/// `unset`: every key and routing variable that is not in plan.env. Call last.
void render_unset(Plan& plan, const Config& config);

/// The route's variables, argv, and files of each agent. Fail with config.conflict where something in the home would
/// defeat the route.
Result<void> render_claude(Plan& plan, const Route& route, const SessionInputs& inputs);
Result<void> render_codex(Plan& plan, const Route& route, const SessionInputs& inputs);
Result<void> render_opencode(Plan& plan, const Route& route, const SessionInputs& inputs);

/// All of the above in their order.
Result<Plan> render_session(const Route& route, const SessionInputs& inputs);

/// config.write: the agent's files alone, without a route.
std::vector<FileIntent> codex_files(const SessionInputs& inputs, std::vector<Warning>& warnings);
std::vector<FileIntent> opencode_files(const SessionInputs& inputs);
std::vector<FileIntent> agent_files(Agent agent, const SessionInputs& inputs, std::vector<Warning>& warnings);

}  // namespace capsule
