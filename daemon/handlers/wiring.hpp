// What is settled of a session before anything is rendered: whose cell, and with whose key.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/agents/agent.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/routing/route.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// The key that a session carries and the variable that it was found under; no key for a session on what the home
/// holds.
struct SessionKey {
    std::optional<Secret> key{};
    std::string from{};
    std::string variable{};
    std::string scope{};  ///< where it was found: role, workspace, global, container
};

struct Wiring {
    std::shared_ptr<const Generation> generation;
    Route route;
    SessionKey key;
    KeyScope scope;
    KeyStates states;  ///< what was looked up of them is known
    BrokeredRoute brokered;
    Because because{};
    std::map<std::string, FileKey> file_keys{};  ///< by provider id; what the agent's files carry
    // Where another capsuled has the keys and has granted a token in the place of one:
    std::shared_ptr<RemoteGrant> remote{};
    std::optional<Secret> token{};
    std::string broker_url{};
};

/// What the agents' files carry of each provider's key: the global one, if it is known without waiting.
std::map<std::string, FileKey> file_keys(const Config& config, const KeyResolver& keys);

/// Route, key and choice of what a request asks for, or the token that another capsuled grants for it. Fails with what
/// docs/protocol.md lists for spawn.
boost::asio::awaitable<Result<Wiring>> wire(Services& services, uid_t asker, const SpawnParams& params);

}  // namespace capsule
