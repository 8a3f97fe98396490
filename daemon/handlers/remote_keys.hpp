// Keys that another capsuled has ([broker] remote): what it says of them, and tokens in their place.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/handlers/services.hpp"
#include "daemon/handlers/wiring.hpp"
#include "protocol/messages.hpp"

namespace capsule {

inline bool keys_are_remote(const Generation& generation) {
    return generation.config.broker.remote.has_value();
}

/// config.conflict where this capsuled keeps no keys: they are set at the other one.
Result<void> check_keeps_keys(const Generation& generation);

/// auth.list's answer of the capsuled that has the keys, which is waited for until it is there. Fails as RemoteLink
/// does.
boost::asio::awaitable<Result<std::vector<AuthRow>>> remote_rows(Services& services, KeyScope scope,
                                                                 std::chrono::milliseconds wait,
                                                                 std::chrono::milliseconds limit);

/// usage's answer of that capsuled.
boost::asio::awaitable<Result<UsageResult>> remote_usage(Services& services, std::uint32_t asker, UsageParams params);

/// How long what only tells of the keys waits for that capsuled, where there is a connection to it.
inline constexpr std::chrono::milliseconds remote_soon{1'000};

/// status' providers of that capsuled, without waiting for one that is not there.
boost::asio::awaitable<Result<std::vector<ProviderStatus>>> remote_providers(Services& services);

/// What that capsuled knows of the providers' plans goes to the list's choices; nothing where it does not answer.
boost::asio::awaitable<void> add_remote_notes(Services& services, ProvidersListResult& list,
                                              ProvidersListParams params);

/// A state by the name that protocol messages have; absent for another.
KeyState key_state_named(const std::string& name);

/// The states of these rows; a provider that is in none has no key.
KeyStates states_in(std::vector<AuthRow> rows);

/// What the agents' files carry: never a key, but the providers that have one.
std::map<std::string, FileKey> file_keys_in(const Generation& generation, const KeyStates& states);

/// Its states, wherever the keys are.
boost::asio::awaitable<Result<KeyStates>> ask_key_states(Services& services,
                                                         std::shared_ptr<const Generation> generation, KeyScope scope);

/// As for keys of this capsuled (wiring.cpp), with a token that is good when this returns.
boost::asio::awaitable<Result<Wiring>> wire_remotely(Services& services, std::shared_ptr<const Generation> generation,
                                                     uid_t asker, SpawnParams params);

}  // namespace capsule
