// What others do with a connection while it waits or answers: they tell it something, or end it.
#include <boost/asio/buffer.hpp>
#include <utility>

#include "daemon/log/log.hpp"
#include "daemon/server/connection.hpp"

namespace capsule {
namespace asio = boost::asio;

std::optional<Connection::Clock::time_point> Connection::idle_since() const {
    const std::uint64_t number = client_.peer.connection;
    if (!reading_ || cut_ || stopping_ || lines_.partial() || services_.subscribers.has(number) ||
        services_.sessions.ends_with_connection(number))
        return std::nullopt;
    return reading_since_;
}

void Connection::make_room() {
    cut("it is idle, and another one of its user needs the place");
    const Quotas::Place freed = std::move(client_.place);
}

void Connection::notify(const std::string& line) {
    if (cut_) return;
    boost::system::error_code ignored;
    if (reading_ && output_.empty()) {
        // What the socket takes at once is no burden, however many come in one go. The rest of a line goes before any
        // answer.
        const std::size_t sent = socket_.write_some(asio::buffer(line), ignored);
        output_.append(std::string_view(line).substr(sent));
        if (output_.empty()) return;
    } else {
        notices_ += line;
    }
    if (notices_.size() + output_.size() > limits_.output_bytes) return cut("it does not read its notifications");
    if (!hold()) return cut("its user's connections hold too much");
    if (!reading_ || woken_) return;
    woken_ = true;
    socket_.cancel(ignored);
}

void Connection::tell_of_cut(const char* why) const {
    log_warning("cut",
                {{"uid", std::int64_t{client_.peer.uid}}, {"pid", std::int64_t{client_.peer.pid}}, {"why", why}});
}

/// Ends the connection from outside of run(), which sees that.
void Connection::cut(const char* why) {
    tell_of_cut(why);
    notices_.clear();
    cut_ = true;
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_both, ignored);
    socket_.cancel(ignored);
}

void Connection::take_notices() {
    output_.append(notices_);
    notices_.clear();
}

}  // namespace capsule
