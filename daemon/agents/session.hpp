// What the renderers must know besides the Route: whose session it is, and what was found out before. No I/O.
#pragma once

#include <any>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/plan.hpp"
#include "daemon/agents/route.hpp"
#include "daemon/base/secret.hpp"
#include "daemon/config/config.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// The session's user and where the agents' files of that user are. Settled when the configuration is loaded.
struct SessionHome {
    SessionUser user;
    bool same_user = true;  ///< as the daemon
    /// Of root's group and the user's own those that nobody else is in. What such a group can write to, only these two
    /// can.
    std::vector<std::uint32_t> private_groups{};
    std::string home;
    std::string shell;
    std::string shell_from = "session user";       ///< for explain
    std::optional<std::string> codex_home;         ///< as it goes into the env; none: ~/.codex
    std::optional<std::string> xdg_config_home;    ///< none: ~/.config
    std::optional<std::string> claude_config_dir;  ///< none: ~/.claude and ~/.claude.json

    std::string codex_directory() const;
    std::string opencode_json() const;
    std::string claude_json() const;
};

/// What each agent found in the home before rendering (AgentDescriptor::look_at_home). Empty: it did not look.
struct HomeFacts {
    std::array<std::any, all_agents.size()> found;
    std::map<std::string, std::string> texts{};  ///< of the files that were read for it, by path
    std::map<std::string, Error> unreachable{};  ///< the files whose file system does not answer, by path
    /// By path: what the agent may read and capsuled does not, as it is too large, no ordinary file, or behind links
    /// that capsuled does not follow. What such a file says is not known.
    std::map<std::string, Error> unread{};

    std::any& of(Agent agent) { return found[static_cast<std::size_t>(agent)]; }
    const std::any& of(Agent agent) const { return found[static_cast<std::size_t>(agent)]; }
};

/// `count` bytes of a file from `offset`; fewer at its end.
using FilePart = std::function<std::string(std::uint64_t offset, std::size_t count)>;

/// How an agent looks into the home, under the session user's identity.
struct HomeReader {
    /// The text of a file of at most `limit` bytes. None: there is none, that user cannot read it, or it is unknown.
    std::function<std::optional<std::string>(const std::string& path, std::size_t limit)> text;
    std::function<bool(const std::string& path)> is_file;
    /// Whether one of the above could not tell of `path`: it is in HomeFacts::unreachable or HomeFacts::unread.
    std::function<bool(const std::string& path)> is_unknown = [](const std::string&) { return false; };
    /// Whether anybody but root and the session's user can make `path`, or replace it, at any time.
    std::function<bool(const std::string& path)> others_can_make = [](const std::string&) { return false; };
    /// A regular file, of which only parts are read. None: there is none, or that user cannot read it.
    std::function<std::optional<FilePart>(const std::string& path)> parts = [](const std::string&) {
        return std::optional<FilePart>();
    };
};

/// What a provider's key is for the files: global scope only, and whether any scope has it.
struct FileKey {
    std::optional<Secret> global;
    bool any_scope = false;
};

/// What an installed program says of the models that it knows (AgentDescriptor::model_list).
struct ModelList {
    std::any own;         ///< as ModelListQuestion::read gives it; empty: there is none
    std::string problem;  ///< why there is none
    std::string cure{};   ///< what helps, without a full stop; empty: what the program says tells
};

struct SessionInputs {
    const Config& config;
    const SessionHome& home;
    const HomeFacts& facts;
    const ModelList& model_list;
    const std::map<std::string, Secret>& daemon_env;  ///< the daemon's own environment, as it was at start
    const std::map<std::string, std::string>& request_env;
    std::optional<Secret> key;                        ///< of the route, when it has one
    std::string key_from;                             ///< its source, such as "environment"
    std::string key_variable;                         ///< the variable under which the key was found
    const std::map<std::string, FileKey>& file_keys;  ///< by provider id
    std::optional<std::string> binary;                ///< of the agent; none: not found
    std::optional<std::string> workspace{};           ///< whose [workspaces.<name>.env] the session has too
    std::optional<std::string> role{};
    std::vector<Warning> unreachable{};  ///< what of the PATH could not be looked at, where `binary` was not found
    /// Where capsule-broker listens, "http://127.0.0.1:4587": then `key` is a token that is good there alone. None: the
    /// session has the key itself.
    std::optional<std::string> broker_url{};
};

/// A provider's base URL as a session with a token has it: the broker's, with that URL's path.
std::string url_at_broker(std::string_view broker_url, std::string_view base_url);

/// Everything but the route's own part: allowlisted variables, [env], HOME and the like, CAPSULE_AGENT and
/// CAPSULE_PROVIDER, `dropped`. See session_env.cpp for the order.
void render_session_env(Plan& plan, const Route& route, const SessionInputs& inputs);

/// The PATH that the session will have: where its agent's binary is to be looked for. Absolute entries only, never
/// empty.
std::string session_path(const SessionInputs& inputs);

/// How many tokens Claude Code takes its model for, and from how many it makes its conversation shorter: the first acts
/// on 2.1.332, the second on 2.1.197.
inline constexpr std::string_view claude_window_variables[] = {"CLAUDE_CODE_MAX_CONTEXT_TOKENS",
                                                               "CLAUDE_CODE_AUTO_COMPACT_WINDOW"};

/// `unset`: every key and routing variable that is not in plan.env. Call last.
void render_unset(Plan& plan, const Config& config);

/// The environment, the agent's own part (AgentDescriptor::render), `unset`. Fails as that does.
Result<Plan> render_session(const Route& route, const SessionInputs& inputs);

/// config.write: the agent's files alone, without a route.
std::vector<FileIntent> agent_files(Agent agent, const SessionInputs& inputs, std::vector<Warning>& warnings);

}  // namespace capsule
