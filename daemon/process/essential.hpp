// What the daemon cannot do without, for as long as it runs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace capsule {

/// Runs it on `executor`, and nobody waits for it. If it ends by an exception (memory has run out, for one), the io
/// context's run() ends by the same one, and so does the daemon, whose sessions go on when it is started again. One
/// that went on without it would look alive, and would not be started again.
template <class Executor>
void spawn_essential(const Executor& executor, boost::asio::awaitable<void> work) {
    boost::asio::co_spawn(executor, std::move(work), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
}

}  // namespace capsule
