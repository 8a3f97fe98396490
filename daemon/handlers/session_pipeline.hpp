// What spawn and explain share: route → resolve key → render. Only spawn then writes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "daemon/agents/agent.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "daemon/routing/route.hpp"
#include "daemon/write/apply.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

struct PreparedSession {
    std::shared_ptr<const Generation> generation;  ///< `route` points into it
    Route route;
    std::string tab_label;
    Plan plan;
    Applied applied;
    std::optional<std::vector<FoundSetting>> settings{};  ///< of the files around `cwd`, when there is one
    std::string keys{};                                   ///< what the session has: env, broker, home
    Because because{};
    std::string base_url{};    ///< the provider's own; empty: the agent's own choice
    std::string key_source{};  ///< empty: it has no key
    std::string key_scope{};   ///< where it was found: role, workspace, global, container
    KeyScope scope{};
    // With a token:
    std::optional<Secret> token{};
    std::string broker_url{};
    BrokeredRoute brokered{};
    std::string key_variable{};
    std::shared_ptr<RemoteGrant> remote{};  ///< where another capsuled has the keys
    // Of a grant, where the caller says so:
    std::string token_sha256{};               ///< of a token that the caller has
    std::optional<std::uint32_t> uid{};       ///< whose processes may use it; none: the session's user
    std::optional<std::uint32_t> asked_by{};  ///< for whom another capsuled asks
};

/// Sets what spawn's and explain's answers say of why the session is what it is.
template <class Answer>
void set_reasons(Answer& answer, const PreparedSession& session) {
    answer.because = session.because;
    if (!session.base_url.empty()) answer.base_url = session.base_url;
    if (!session.key_source.empty()) answer.key_source = session.key_source;
    answer.workspace = session.scope.workspace;
    answer.role = session.scope.role;
}

/// access.denied where sessions would be of the daemon's own user, who must not have the keys ([access] own_user): a
/// session runs programs as that user, and some carry the key itself.
Result<void> check_starts_sessions(const Generation& generation);

/// Everything of a session; with ApplyMode::preview nothing is written. Fails with what docs/protocol.md lists for
/// spawn.
boost::asio::awaitable<Result<PreparedSession>> prepare_session(Services& services, Caller caller, SpawnParams params,
                                                                ApplyMode mode);

/// A session's route, key and token alone: nothing is rendered, written or looked at. cell.unsupported where the cell
/// cannot go through the broker.
boost::asio::awaitable<Result<PreparedSession>> prepare_grant(Services& services, uid_t asker, SpawnParams params);

/// PATH as a session has it whose request names none: where `status` looks for the agents.
std::string default_session_path(const Services& services, const Generation& generation);

/// config.write: the agent's files without a session.
boost::asio::awaitable<Result<Applied>> write_agent_files(Services& services, uid_t asker, Agent agent);

}  // namespace capsule
