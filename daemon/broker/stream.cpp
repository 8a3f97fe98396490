#include "daemon/broker/stream.hpp"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <string>

namespace capsule::broker {
namespace {

Io of_errno(ssize_t result, Io::Is wants) {
    if (result > 0) return {Io::Is::done, static_cast<std::size_t>(result)};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {wants, 0};
    return {Io::Is::failed, 0};
}

}  // namespace

Stream::Stream(Tcp::socket socket, Ssl ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {
    ErrorOf ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(Tcp::no_delay(true), ignored);
    if (ssl_) ::SSL_set_fd(ssl_.get(), socket_.native_handle());
}

Io Stream::outcome(int result) {
    switch (::SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return {Io::Is::wants_read, 0};
        case SSL_ERROR_WANT_WRITE:
            return {Io::Is::wants_write, 0};
        case SSL_ERROR_ZERO_RETURN:
            return {Io::Is::ended, 0};
        default:
            return {Io::Is::failed, 0};
    }
}

Io Stream::try_handshake() {
    ::ERR_clear_error();
    const int result = ::SSL_connect(ssl_.get());
    return result == 1 ? Io{Io::Is::done, 0} : outcome(result);
}

Io Stream::try_read(std::span<char> room) {
    if (!socket_.is_open()) return {};
    if (!ssl_) {
        const ssize_t got = ::recv(socket_.native_handle(), room.data(), room.size(), 0);
        return got == 0 ? Io{Io::Is::ended, 0} : of_errno(got, Io::Is::wants_read);
    }
    std::size_t total = 0;
    // Record by record, so that what has arrived together is passed on together.
    while (total < room.size()) {
        std::size_t got = 0;
        ::ERR_clear_error();
        const int result = ::SSL_read_ex(ssl_.get(), room.data() + total, room.size() - total, &got);
        if (result == 1) {
            total += got;
            // A short record is mostly the last that has arrived: asking the kernel for another would be for nothing.
            if (got < SSL3_RT_MAX_PLAIN_LENGTH && ::SSL_has_pending(ssl_.get()) == 0) break;
            continue;
        }
        if (total > 0) break;  // whatever it is, it comes again
        return outcome(result);
    }
    return {Io::Is::done, total};
}

Io Stream::try_write(std::string_view bytes) {
    if (!socket_.is_open()) return {};
    if (!ssl_)
        return of_errno(::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL), Io::Is::wants_write);
    std::size_t sent = 0;
    ::ERR_clear_error();
    const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    return result == 1 ? Io{Io::Is::done, sent} : outcome(result);
}

bool Stream::is_still_good() {
    std::array<char, 1> byte{};
    const ssize_t waiting = ::recv(socket_.native_handle(), byte.data(), byte.size(), MSG_PEEK | MSG_DONTWAIT);
    const bool nothing = waiting < 0 && errno == EAGAIN && (!ssl_ || ::SSL_has_pending(ssl_.get()) == 0);
    // What has arrived may be a ticket of TLS, which a read takes in.
    return nothing || (waiting != 0 && ssl_ && try_read(byte).is == Io::Is::wants_read);
}

void Stream::close() noexcept {
    ErrorOf ignored;
    socket_.close(ignored);
}

asio::awaitable<void> others_have_their_turn() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

asio::awaitable<bool> write_all(Stream& stream, std::string_view bytes) {
    Io io = stream.try_write(bytes);
    if (io.is == Io::Is::done && io.bytes == bytes.size()) co_return true;
    std::string rest(bytes.substr(io.bytes));
    std::string_view left = rest;
    bool good = true;
    while (good && !left.empty()) {
        if (io.waits()) {
            ErrorOf error;
            co_await stream.wait(io.is, error);
            good = !error;
        } else {
            good = io.is == Io::Is::done;
        }
        if (!good) break;
        io = stream.try_write(left);
        if (io.is == Io::Is::done) left.remove_prefix(io.bytes);
    }
    ::explicit_bzero(rest.data(), rest.size());  // of a request's head, it has the key
    co_return good;
}

}  // namespace capsule::broker
