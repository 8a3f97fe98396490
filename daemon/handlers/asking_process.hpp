// Which process asks, for a session that ends with it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "daemon/sessions/process_life.hpp"

namespace capsule {

struct FoundProcess {
    std::shared_ptr<WatchedProcess> process;  ///< null: it has ended, or cannot be seen (another PID namespace's)
    bool has_ended = false;
};

/// The process that connected. Before Linux 6.9 a thread of process_worker() looks into /proc for it, which another
/// user's process may keep busy. Fails with io.error where it cannot be found out, or not within two seconds.
boost::asio::awaitable<Result<FoundProcess>> asking_process(Services& services, Caller caller);

}  // namespace capsule
