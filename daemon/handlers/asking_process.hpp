// Which process asks, for a session that ends with it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "daemon/sessions/process_life.hpp"

namespace capsule {

/// The process that connected. Null: it has ended, or lives in another PID namespace. Before Linux 6.9 a thread of
/// process_worker() looks into /proc for it, which another user's process may keep busy. Fails with io.error where it
/// cannot be found out, or not within two seconds.
boost::asio::awaitable<Result<std::shared_ptr<WatchedProcess>>> asking_process(Services& services, Caller caller);

}  // namespace capsule
