// One loaded configuration and all that follows from it. Never changed; a reload makes a new one, and requests under
// way keep the one that they began with.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/access/policy.hpp"
#include "daemon/agents/session.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/problems.hpp"
#include "daemon/home/worker.hpp"
#include "daemon/keys/stored_keys.hpp"
#include "daemon/sessions/broker_program.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct Generation {
    Config config;
    SessionHome home;
    Policy policy;
    std::string loaded_at;  ///< RFC 3339, UTC
    std::shared_ptr<HomeWorker> worker;
    std::shared_ptr<HomeWorker>
        inventory_worker;  ///< for what running an agent's program takes: no session waits behind it
    /// Whom capsule-broker runs as; none: as the daemon, which is not root. Fails where it cannot be started.
    Result<std::optional<BrokerIdentity>> broker_user;
    std::vector<std::uint32_t> upstream_uids;  ///< of [broker] upstream_users
    /// What stands in [broker] ca_file; null: the system's. Fails where it cannot be had, and no broker is to be
    /// started.
    Result<std::shared_ptr<const std::string>> authorities;
};

struct ConfigSource {
    std::optional<std::string> path;
    bool must_exist = false;  ///< it was named by --config or CAPSULE_CONFIG
};

/// Reads, validates and settles everything. Fails with what load_config, session_home and Policy::make fail with.
Result<std::shared_ptr<const Generation>> load_generation(const ConfigSource& source,
                                                          const std::map<std::string, Secret>& environment);

/// Why nobody with that uid may have sessions here: [broker] upstream_users names it, or [broker] user. Of the daemon's
/// own user [access] own_user speaks.
std::optional<Error> upstream_conflict(const Generation& generation, uid_t uid);

/// Whether capsule-broker can run with `loaded`, as far as that takes a look at what `in_force` (or null) has not.
/// Fails with what check_authorities() fails with.
boost::asio::awaitable<Result<void>> check_broker(std::shared_ptr<const Generation> loaded,
                                                  std::shared_ptr<const Generation> in_force);

/// The same before anything is in force, and waits for it.
Result<void> check_broker_now(std::shared_ptr<const Generation> loaded);

/// Adds all that load_generation() and check_broker() could fail with to `problems`, each with its place in the file.
/// Gives what is right.
Config check_generation(const ConfigSource& source, const std::map<std::string, Secret>& environment,
                        Problems& problems);

}  // namespace capsule
