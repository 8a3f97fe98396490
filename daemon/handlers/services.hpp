// What the handlers work with. One for the whole daemon; lives on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/access/quotas.hpp"
#include "daemon/base/state_directory.hpp"
#include "daemon/handlers/generation.hpp"
#include "daemon/handlers/known_usage.hpp"
#include "daemon/handlers/subscribers.hpp"
#include "daemon/home/inventory.hpp"
#include "daemon/keys/key_resolver.hpp"
#include "daemon/keys/op_reader.hpp"
#include "daemon/keys/stored_keys.hpp"
#include "daemon/process/shared_answer.hpp"
#include "daemon/process/stack_wiper.hpp"
#include "daemon/process/subprocess.hpp"
#include "daemon/sessions/sessions.hpp"
#include "protocol/status_messages.hpp"

namespace capsule {

/// Settings that hold from the daemon's start on, whatever a reload finds.
struct StartSettings {
    DaemonConfig daemon;
    std::optional<std::uint16_t> port;  ///< [broker] listen
};

struct Services {
    Services(boost::asio::any_io_executor executor, std::map<std::string, Secret> environment);

    const std::map<std::string, Secret> environment;  ///< the daemon's own, as it was at start
    ConfigSource config_source;
    std::shared_ptr<const Generation> generation;
    StartSettings at_start;
    std::uint64_t loads_begun = 0, load_done = 0;  ///< reloads, of which several may be under way; the latest done
    std::optional<std::string> reload_error;       ///< why the last reload failed; null when it worked
    std::shared_ptr<StateDirectory> state = std::make_shared<StateDirectory>();
    std::optional<std::string> stored_path;  ///< of auth.toml; none: nowhere to store
    StoredKeys stored;                       ///< what auth.set stored

    SubprocessRunner subprocesses;
    AgentInventory inventory;
    OpReader op;
    StackWiper stack_wiper;
    Sessions sessions;
    Subscribers subscribers;
    KnownUsage usage;
    SharedAnswer<Result<StatusResult>> remote_status;  ///< of the capsuled that has the keys

    std::string socket;
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    Quotas quotas;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

    /// For looks at other users' processes, with the daemon's own identity. Throws Failure where no thread can be had.
    HomeWorker& process_worker();

    /// Reads auth.toml anew. A broken one is refused like a broken capsule.toml; what was known before then stays.
    Result<void> load_stored_keys();

  private:
    std::unique_ptr<HomeWorker> process_worker_;  ///< none: not needed yet
};

/// Reads the configuration anew and puts it in force, or keeps the old one and remembers why. The RPC and SIGHUP.
boost::asio::awaitable<Result<void>> reload_configuration(Services& services);

/// The first source that has a provider's key, without waiting. `generation` must outlive the resolver.
KeyResolver resolver(const Services& services, const Generation& generation);

/// The state of each provider's key.
KeyStates key_states(KeyResolver keys, KeyScope scope);

/// The key itself, with `op read` if it takes that. Fails with key.absent, key.error. `keys` is of that generation.
boost::asio::awaitable<Result<KeyFinding>> resolve_key(Services& services, std::shared_ptr<const Generation> generation,
                                                       KeyResolver keys, const Provider& provider, std::string variable,
                                                       KeyScope scope);

}  // namespace capsule
