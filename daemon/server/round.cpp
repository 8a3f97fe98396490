#include "daemon/server/round.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>

#include "daemon/server/connection.hpp"
#include "daemon/log/log.hpp"

namespace capsule {
namespace {

/// One connection's fault (out of memory, say) is no other's, and not the daemon's end.
template <class Act>
void guarded(Connection& connection, Act act) {
    try {
        act();
    } catch (const std::exception& failure) {
        spdlog::error("a connection ended with {}", typeid(failure).name());
        connection.give_up();
    }
}

}  // namespace

void Round::join(Connection& connection) {
    if (joined_.empty()) boost::asio::post(executor_, [this] { serve(); });
    joined_.push_back(&connection);
}

void Round::serve() {
    served_.swap(joined_);
    const auto received = Connection::Clock::now();
    for (Connection* connection : served_)
        guarded(*connection, [&] { connection->answer_what_is_remembered(received); });
    // Who was given a connection's key is in the log before it is given.
    flush_log();
    for (Connection* connection : served_)
        guarded(*connection, [&] { connection->send_answers(); });
    // Only now: meanwhile the first of them have sent what they ask next, which then takes no wait.
    for (Connection* connection : served_)
        guarded(*connection, [&] { connection->read_on(); });
    served_.clear();
}

}  // namespace capsule
