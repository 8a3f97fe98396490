// What the agent does while its answer is waited for or passed on: it sends its request's body, and it may leave.
#include "daemon/broker/exchange.hpp"
#include "daemon/broker/scratch.hpp"

namespace capsule::broker {

/// Passes the request's body on while the answer is waited for, or comes already.
Task<void> Connection::upload([[maybe_unused]] Self self, std::shared_ptr<Exchange> exchange) {
    const auto to = upstream_;
    Turn turn;
    while (discarding_ || !exchange->sent.done()) {
        if (turn.is_over()) {
            co_await broker_.loop().others_have_their_turn(owner_);
            turn.end();
        }
        const Io io = client_.try_read(scratch());
        if (io.waits()) {
            co_await client_.readable();
            turn.end();
            if (!client_.is_open()) break;
        } else if (io.is != Io::Is::done) {
            client_left_ = client_left_ || !discarding_;
            break;
        } else if (!discarding_) {
            const std::string_view bytes(scratch().data(), io.bytes);
            const std::size_t mine =
                exchange->sent.take(bytes, [&](std::string_view part) { exchange->asked.feed(part); });
            exchange->bad_body = exchange->sent.bad();
            in_.append(bytes.substr(mine));
            if (exchange->bad_body) break;
            exchange->counts.bytes_up += mine;
            limit(Bound::provider, exchange->session->grant.timeout_ms);
            const bool sent = co_await write_all(*to, bytes.substr(0, mine));
            // The answer, if there is one, says why. Where it has gone out already, what still comes is read and
            // dropped.
            if (!sent && !discarding_) break;
            exchange->written = sent && exchange->sent.done();
        }
    }
    uploading_ = false;
    if (discarding_) {
        co_await let_it_leave();
        client_.close();
    } else if (client_left_ || exchange->bad_body) {
        to->close();
    }
}

/// An agent that has gone (somebody pressed Escape) shall not cost its plan any more of the answer. Begun when an
/// answer takes a while: a short one is there before anybody could leave.
void Connection::watch_for_leaving() {
    // While an upload waits for its provider, nothing is read of the agent: not that it has gone, either.
    if (uploading_ && uid_ && upstream_ && broker_.has_gone(client_)) {
        client_left_ = true;
        upstream_->reset();
    }
    if (watching_ || uploading_ || !session_) return;
    watching_ = true;
    broker_.loop().spawn(watch(shared_from_this()));
}

/// Until settle() ends its wait.
Task<void> Connection::watch([[maybe_unused]] Self self) {
    for (;;) {
        const bool came = co_await client_.readable();
        if (!came || !watching_) co_return;  // settle() may come between the event and this
        const Io io = client_.peek();
        if (io.is == Io::Is::done) co_return;  // its next request
        if (!io.waits()) break;
    }
    client_left_ = true;
    if (upstream_) upstream_->close();
}

}  // namespace capsule::broker
