// What the agent does while its answer is waited for or passed on: it sends its request's body, and it may leave.
#include <sys/socket.h>

#include <cerrno>

#include "daemon/broker/exchange.hpp"

namespace capsule::broker {

/// Passes the request's body on while the answer is waited for, or comes already.
asio::awaitable<void> Connection::upload([[maybe_unused]] Self self, std::shared_ptr<Exchange> exchange) {
    const auto to = upstream_;
    for (int reads = 1; discarding_ || !exchange->sent.done(); ++reads) {
        if (reads % reads_in_a_turn == 0) co_await others_have_their_turn();
        const Io io = client_.try_read(broker_.scratch());
        if (io.waits()) {
            ErrorOf error;
            co_await client_.wait(io.is, error);
            if (error) break;
        } else if (io.is != Io::Is::done) {
            client_left_ = client_left_ || !discarding_;
            break;
        } else if (!discarding_) {
            const std::string_view bytes(broker_.scratch().data(), io.bytes);
            const std::size_t mine =
                exchange->sent.take(bytes, [&](std::string_view part) { exchange->asked.feed(part); });
            exchange->bad_body = exchange->sent.bad();
            in_.append(bytes.substr(mine));
            if (exchange->bad_body) break;
            exchange->counts.bytes_up += mine;
            limit(Bound::provider, exchange->session->grant.timeout_ms);
            const bool sent = co_await write_all(*to, bytes.substr(0, mine));
            if (!sent) break;  // the answer, if there is one, says why
        }
    }
    uploading_ = false;
    if (discarding_)
        client_.close();
    else if (client_left_ || exchange->bad_body)
        to->close();
}

/// An agent that has gone (somebody pressed Escape) shall not cost its plan any more of the answer. Begun when an
/// answer takes a while: a short one is there before anybody could leave.
void Connection::watch_for_leaving() {
    if (watching_ || uploading_ || !session_) return;
    watching_ = true;
    client_.socket().async_wait(Tcp::socket::wait_read, [weak = weak_from_this()](ErrorOf error) {
        const auto self = weak.lock();
        if (error || !self || !self->watching_) return;
        char byte = 0;
        const ssize_t size = ::recv(self->client_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (size > 0) return;               // its next request
        if (size < 0 && errno == EAGAIN) {  // nothing is there: see is_ready_to_read()
            self->watching_ = false;
            return self->watch_for_leaving();
        }
        self->client_left_ = true;
        if (self->upstream_) self->upstream_->close();
    });
}

}  // namespace capsule::broker
