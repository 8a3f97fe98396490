// What a BrokerLink's coroutines share.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/sessions/broker_link.hpp"

namespace capsule {

/// Outlives the link for as long as a coroutine still runs.
struct BrokerLink::Shared {
    /// For the broker to have taken a message.
    struct Waiting {
        Waiting(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit)
            : timer(executor, limit) {}
        std::string message;
        std::string id;
        boost::asio::steady_timer timer;
        bool taken = false;
        bool in_grants = false;  ///< a broker that is not ready yet has been told every grant since then
    };
    /// A question to the broker, until it is answered.
    struct Asking {
        Asking(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit)
            : timer(executor, limit) {}
        boost::asio::steady_timer timer;
        std::string id;
        std::optional<broker::UsageAnswer> answer;
    };

    Shared(boost::asio::any_io_executor io, LoopbackSocket socket, Settings with)
        : executor(io),
          listening(std::move(socket)),
          settings(std::move(with)),
          control(io),
          pause(io),
          ready_limit(io) {}

    /// Not while the one that ran is being ended.
    bool runs() const { return state == State::running && control.is_open(); }

    boost::asio::any_io_executor executor;
    LoopbackSocket listening;
    Settings settings;
    Events events;
    boost::asio::local::stream_protocol::socket control;  ///< open: a broker runs
    boost::asio::steady_timer pause;
    boost::asio::steady_timer ready_limit;
    std::list<std::shared_ptr<Waiting>> waiting;
    std::list<std::shared_ptr<Asking>> asking;
    std::uint64_t questions = 0;
    std::string out;
    State state = State::starting;
    std::string problem;
    std::optional<broker::Failed> last_words;  ///< of the broker that runs, or ran last
    pid_t pid = 0;
    bool writing = false;
    bool was_ready = false;  ///< the broker that runs, or ran last
    bool was_late = false;   ///< it said nothing for too long before it was ready
    bool changed = false;    ///< it was ended for other settings
    bool stopping = false;
};

}  // namespace capsule
