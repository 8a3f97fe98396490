#include "daemon/server/round.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>

#include "daemon/server/session.hpp"
#include "daemon/system/log.hpp"

namespace capsule {
namespace {

/// One connection's fault (out of memory, say) is no other's, and not the daemon's end.
template <class Act>
void guarded(Session& session, Act act) {
    try {
        act();
    } catch (const std::exception& failure) {
        spdlog::error("a connection ended with {}", typeid(failure).name());
        session.give_up();
    }
}

}  // namespace

void Round::join(Session& session) {
    if (joined_.empty()) boost::asio::post(executor_, [this] { serve(); });
    joined_.push_back(&session);
}

void Round::serve() {
    served_.swap(joined_);
    const auto received = Session::Clock::now();
    for (Session* session : served_)
        guarded(*session, [&] { session->answer_what_is_remembered(received); });
    // Who was given a session's key is in the log before it is given.
    flush_log();
    for (Session* session : served_)
        guarded(*session, [&] { session->send_answers(); });
    // Only now: meanwhile the first of them have sent what they ask next, which then takes no wait.
    for (Session* session : served_)
        guarded(*session, [&] { session->read_on(); });
    served_.clear();
}

}  // namespace capsule
