#include "daemon/server/round.hpp"

#include <boost/asio/post.hpp>

#include "daemon/server/session.hpp"
#include "daemon/system/log.hpp"

namespace capsule {

void Round::join(Session& session) {
    joined_.push_back(&session);
    if (joined_.size() == 1) boost::asio::post(executor_, [this] { serve(); });
}

void Round::serve() {
    served_.swap(joined_);
    const auto received = Session::Clock::now();
    for (Session* session : served_)
        session->answer_what_is_remembered(received);
    // Who was given a session's key is in the log before it is given.
    flush_log();
    for (Session* session : served_)
        session->send_answers();
    // Only now: meanwhile the first of them have sent what they ask next, which then takes no wait.
    for (Session* session : served_)
        session->read_on();
    served_.clear();
}

}  // namespace capsule
