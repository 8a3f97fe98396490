#include "daemon/server/connection.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <span>
#include <utility>

#include "daemon/log/log.hpp"
#include "daemon/server/dispatcher.hpp"
#include "daemon/server/receive.hpp"
#include "protocol/json_rpc.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Room for a read: a request or two; as much as a pipeline has brought, if it brings more.
constexpr std::size_t read_bytes = 4 * 1024;
constexpr std::size_t most_read_bytes = 64 * 1024;
/// Answers are sent when so many bytes wait, or when no whole request is left.
constexpr std::size_t flush_bytes = 64 * 1024;
/// How long a connection that was refused may go on sending before it is closed under it.
constexpr std::chrono::seconds farewell{1};

// g++ 12 destroys what a braced argument of a co_await made twice: errors are made in functions and named first.
Error too_large(const LimitsConfig& limits) {
    return {ErrorCode::request_too_large,
            "a request may have at most " + std::to_string(limits.request_bytes) + " bytes",
            "send less, or raise [limits] request_bytes"};
}

Error too_blank() {
    return {ErrorCode::invalid_request,
            "more than " + std::to_string(most_blank) + " bytes of blank lines stand between two requests",
            "send one line feed after each request"};
}

Error not_complete(const LimitsConfig& limits) {
    return {ErrorCode::invalid_request,
            "the request was not complete within " + std::to_string(limits.request_timeout.count()) + " ms",
            "end each request with a line feed"};
}

}  // namespace

Connection::Connection(Socket socket, Client client, Services& services, Turns& turns,
                       std::shared_ptr<ClosingThreads> closing)
    : closing_(std::move(closing)),
      socket_(std::move(socket)),
      client_(std::move(client)),
      services_(services),
      turns_(turns),
      limits_(services.generation->config.limits),
      lines_(limits_.request_bytes),
      timer_(socket_.get_executor()) {
    prepare_to_receive(socket_);
}

void Connection::stop() {
    stopping_ = true;
    // Wakes a connection that waits for input; one that is answering goes on and sees the flag.
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

Connection::~Connection() {
    call_off_cut();
    closing_->close(socket_, client_.peer.counted_as());
}

/// Cancels what waits at the deadline; timed_out_ then says why.
void Connection::cut_at(std::chrono::steady_clock::time_point deadline) {
    timed_out_ = false;
    cut_set_ = true;
    timer_.expires_at(deadline);
    timer_.async_wait([this, set = limits_set_, mine = ++*limits_set_](boost::system::error_code error) {
        if (error || *set != mine) return;
        timed_out_ = true;
        boost::system::error_code ignored;
        socket_.cancel(ignored);
    });
}

void Connection::call_off_cut() {
    if (!cut_set_) return;
    ++*limits_set_;
    timed_out_ = cut_set_ = false;
    timer_.cancel();
}

asio::awaitable<void> Connection::run() {
    reading_ = false;
    for (;;) {
        if (!co_await answer_lines()) co_return;
        if (lines_.too_long()) {
            const bool blank = lines_.too_blank();
            if (blank) tell_of_cut("it sends blank lines");
            Error error = blank ? too_blank() : too_large(limits_);
            co_await refuse(std::move(error));
            co_return;
        }
        if (const auto held = hold(); !held) {
            Error error = held.error();
            co_await refuse(std::move(error));
            co_return;
        }
        switch (co_await read_some()) {
            case Input::more:
                break;
            case Input::idle:
                co_return;
            case Input::timed_out: {
                Error error = not_complete(limits_);
                co_await refuse(std::move(error));
                co_return;
            }
            case Input::stopping: {
                // What is sent from now on is not: who goes on sending would be read for ever.
                boost::system::error_code error;
                std::size_t left = socket_.available(error);
                while (read_what_is_there(left) == Input::more) {
                    if (!co_await answer_lines() || lines_.too_long()) co_return;
                    co_await asio::post(asio::use_awaitable);
                }
                [[fallthrough]];
            }
            case Input::end: {
                if (!co_await answer_lines()) co_return;
                if (auto rest = lines_.rest()) co_await answer_one(std::string(*rest));
                co_await flush();
                co_return;
            }
        }
    }
}

/// False when the connection is of no more use.
asio::awaitable<bool> Connection::answer_lines() {
    services_.stack_wiper.soon();
    while (const auto line = cut_ ? std::nullopt : lines_.next()) {
        request_deadline_.reset();
        co_await answer_one(std::string(*line));
        if (const auto held = hold(); !held) {
            Error error = held.error();
            co_await refuse(std::move(error));
            co_return false;
        }
        if (output_.size() >= std::min<std::uint64_t>(flush_bytes, limits_.output_bytes) && !co_await flush())
            co_return false;
        // One client's deep pipeline must not hold up the others.
        if (lines_.unread() > 0) co_await asio::post(asio::use_awaitable);
    }
    co_return !cut_ && co_await flush();
}

/// `gathered`: of an answer that is not whole yet.
Result<void> Connection::hold(std::size_t gathered) {
    return client_.place.hold(lines_.unread() + output_.size() + notices_.size() + gathered);
}

asio::awaitable<void> Connection::answer_one(std::string line) {
    std::string answer;
    // What a batch has gathered so far is the user's, too: sixty-four answers may be megabytes.
    Room room = [this](std::size_t gathered, bool only_tells) -> Result<void> {
        if (only_tells && has_gone(socket_.native_handle()))
            return Error{ErrorCode::io_error, "the client has gone", "wait for the answer"};
        return hold(gathered);
    };
    {
        const Turns::Turn turn =
            co_await turns_.take(client_.peer.counted_as(), requests_in_work(client_.standing, limits_));
        const Shares::Seat::InWork in_work(*client_.seat);
        answer = co_await answer_line(services_, client_.peer, std::move(line), std::move(room));
    }
    if (answer.empty()) co_return;
    answer += '\n';
    output_.take(std::move(answer));
}

asio::awaitable<Connection::Input> Connection::read_some() {
    if (cut_) co_return Input::end;
    if (stopping_) co_return Input::stopping;
    if (!notices_.empty()) co_return Input::more;
    // A request that has begun to arrive has a time limit. Waiting between requests has one for guests alone, so that
    // their places come free again; whoever waits for notifications does what it is here for.
    const bool partial = lines_.partial();
    if (partial && !request_deadline_) request_deadline_ = Clock::now() + limits_.request_timeout;
    if (partial)
        cut_at(*request_deadline_);
    else if (client_.standing == Standing::guest && !services_.subscribers.has(client_.peer.connection))
        cut_at(Clock::now() + limits_.idle_timeout);
    const std::span<char> room = lines_.room(std::clamp(last_read_ * 2, read_bytes, most_read_bytes));
    boost::system::error_code error;
    reading_ = true;
    reading_since_ = Clock::now();
    last_read_ = co_await receive(socket_, room, error);
    reading_ = false;
    const bool woken = std::exchange(woken_, false);
    lines_.added(last_read_);
    if (error == sends_descriptors) cut("it sends descriptors");
    const bool late = timed_out_;
    call_off_cut();
    if (late && lines_.partial()) co_return Input::timed_out;
    if (late && !partial && last_read_ == 0) co_return Input::idle;
    if (stopping_) co_return Input::stopping;
    if (woken && error == asio::error::operation_aborted && !cut_) co_return Input::more;
    if (error && !late) co_return Input::end;
    co_return Input::more;
}

/// `left` bytes at most, over all calls.
Connection::Input Connection::read_what_is_there(std::size_t& left) {
    if (left == 0) return Input::end;
    const std::span<char> room = lines_.room(std::min(left, most_read_bytes));
    boost::system::error_code error;
    const std::size_t count = receive_now(socket_.native_handle(), room, error);
    lines_.added(count);
    left -= count;
    return error ? Input::end : Input::more;
}

asio::awaitable<bool> Connection::flush() {
    take_notices();
    if (output_.empty()) co_return true;
    boost::system::error_code error;
    // Most answers fit into the socket's buffer at once; a reader that does not read has so long.
    output_.sent(socket_.write_some(asio::buffer(output_.rest()), error));
    if (error && error != asio::error::would_block) co_return false;
    while (!output_.empty()) {
        cut_at(Clock::now() + limits_.write_timeout);
        output_.sent(co_await socket_.async_write_some(asio::buffer(output_.rest()),
                                                       asio::redirect_error(asio::use_awaitable, error)));
        if (timed_out_) {
            tell_of_cut("it does not read its answers");
            co_return false;
        }
        // stop() cancels what waits; an answer that is under way is sent all the same.
        if (error && !(error == asio::error::operation_aborted && stopping_)) co_return false;
    }
    call_off_cut();
    co_return true;
}

asio::awaitable<void> Connection::refuse(Error error) {
    ++services_.requests;
    ++services_.errors;
    const RequestId no_id;  // braces as an argument are miscompiled in a coroutine by g++ 12
    output_.append(error_answer(no_id, error));
    output_.append("\n");
    if (co_await flush()) co_await end_politely();
}

/// Closing over unread input would take the answer from the client: reads it away for a moment first.
asio::awaitable<void> Connection::end_politely() {
    boost::system::error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    cut_at(Clock::now() + farewell);
    std::array<char, read_bytes> chunk;
    // A client that never stops sending leaves no read that the timer could cancel, so its flag is looked at too.
    while (!error && !timed_out_)
        co_await receive(socket_, chunk, error);
    explicit_bzero(chunk.data(), chunk.size());
    call_off_cut();
}

}  // namespace capsule
