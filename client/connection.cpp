#include "client/connection.hpp"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "protocol/framing.hpp"
#include "protocol/message_sender.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Kind = ClientError::Kind;

constexpr std::size_t max_answer = 64 * 1024 * 1024;  ///< bytes; an explain with large files is far below
constexpr std::string_view how_to_start =
    "is the daemon running? start it with \"systemctl start capsuled\" or \"capsuled\"; another socket is named with "
    "--socket or CAPSULE_SOCKET";

ClientError error_of(Kind kind, std::string message, std::string_view hint) {
    return {kind, {ErrorCode::internal_error, std::move(message), std::string(hint)}};
}

ClientError connect_error(const std::string& path, int why) {
    switch (why) {
        case EACCES:
        case EPERM:
            return error_of(Kind::denied, "no permission to open the daemon's socket " + path,
                            "run this as root, or ask the administrator for membership in the socket's group "
                            "([daemon] socket_group)");
        case ENOENT:
            return error_of(Kind::unreachable, "the daemon is not there: no socket at " + path, how_to_start);
        case ENOTSOCK:
            return error_of(Kind::unreachable, path + " is no socket",
                            "name the daemon's socket by --socket or CAPSULE_SOCKET, or leave both out");
        case ECONNREFUSED:
            return error_of(Kind::unreachable, "nothing answers at " + path + ": its daemon is gone", how_to_start);
        default:
            return error_of(Kind::unreachable,
                            "cannot connect to " + path + ": " + std::generic_category().message(why), how_to_start);
    }
}

ClientError ended() {
    return error_of(Kind::broken, "the daemon closed the connection before it answered",
                    "it may have been stopped: see its log (journalctl -u capsuled) and try again");
}

}  // namespace

struct Client::Connection::Socket {
    explicit Socket(std::chrono::milliseconds limit) : timeout(limit) {}
    ~Socket() { ::explicit_bzero(chunk.data(), chunk.size()); }

    /// Runs what has been started. Gives whether it was done in time; if not, it is called off.
    bool wait(std::chrono::milliseconds limit) {
        io.restart();
        io.run_for(limit);
        if (io.stopped()) return true;
        error_code ignored;
        stream.cancel(ignored);
        io.run();  // the handlers that hold references to the caller's locals
        return false;
    }

    /// Runs what has been started. Gives whether it was done in time; if not, the socket is closed.
    bool finish() {
        io.restart();
        io.run_for(timeout);
        if (io.stopped()) return true;
        close();
        io.run();  // the handlers that hold references to our locals
        return false;
    }

    void close() {
        error_code ignored;
        stream.close(ignored);
    }

    ClientError late() const {
        return error_of(Kind::timed_out, "the daemon did not answer within " + std::to_string(timeout.count()) + " ms",
                        "it may be waiting for a password manager: see its log (journalctl -u capsuled) and try again");
    }

    std::chrono::milliseconds timeout;
    asio::io_context io{1};
    asio::local::stream_protocol::socket stream{io};
    LineReader lines{max_answer};
    std::array<char, 64 * 1024> chunk;
};

Client::Connection::Connection(std::chrono::milliseconds timeout) : socket_(std::make_unique<Socket>(timeout)) {}
Client::Connection::~Connection() = default;

// Not Asio's async_connect: a daemon whose backlog is full makes a non-blocking connect fail with EAGAIN, which Asio
// takes for "in progress" and then for success. A blocking one waits, for as long as SO_SNDTIMEO says. Nor Asio's
// open(), which leaves the socket open in a launcher's children.
ClientResult<void> Client::Connection::connect(const std::string& path) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) return connect_error(path, ENAMETOOLONG);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return connect_error(path, errno);
    error_code error;
    socket_->stream.assign(asio::local::stream_protocol(), descriptor, error);
    if (error) return connect_error(path, error.value());

    const auto limit = std::chrono::duration_cast<std::chrono::microseconds>(socket_->timeout).count();
    const timeval waits{.tv_sec = limit / 1'000'000, .tv_usec = limit % 1'000'000};
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &waits, sizeof waits);
    const auto connected = connect_to(descriptor, path);
    if (!connected) return ClientError{Kind::untrusted, connected.error()};
    if (*connected != 0) return *connected == EAGAIN ? socket_->late() : connect_error(path, *connected);
    auto server = TrustedServer::of(descriptor, path);
    if (!server) return ClientError{Kind::untrusted, server.error()};
    path_ = path;
    server_ = *std::move(server);
    return {};
}

ClientResult<void> Client::Connection::send(std::string text) {
    error_code error;
    asio::async_write(socket_->stream, asio::buffer(text),
                      [&error](const error_code& result, std::size_t) { error = result; });
    const bool in_time = socket_->finish();
    ::explicit_bzero(text.data(), text.size());  // auth.set's key is in it
    if (!in_time) return socket_->late();
    // A daemon that refuses a client (too many connections) says why and hangs up: that is worth reading.
    if (error && error != asio::error::broken_pipe && error != asio::error::connection_reset) return ended();
    return {};
}

std::chrono::steady_clock::time_point Client::Connection::end_of_wait() const {
    return std::chrono::steady_clock::now() + socket_->timeout;
}

ClientResult<std::string_view> Client::Connection::read_line(std::chrono::steady_clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const auto line = wait_for_line(std::max(left, std::chrono::milliseconds(0)));
    if (!line) return line.error();
    if (*line) return **line;
    socket_->close();
    return socket_->late();
}

ClientResult<std::optional<std::string_view>> Client::Connection::wait_for_line(std::chrono::milliseconds limit) {
    // For the whole line: who sends a byte at a time has no more.
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        if (const auto line = socket_->lines.next()) return std::optional(*line);
        if (socket_->lines.too_long())
            return error_of(Kind::broken, "the daemon's answer is too long", "report this as a bug of capsuled");
        error_code error;
        socket_->stream.async_wait(asio::socket_base::wait_read, [&](const error_code& result) { error = result; });
        const bool in_time = socket_->wait(std::chrono::ceil<std::chrono::milliseconds>(
            std::max(end - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration(0))));
        if (!in_time) return std::optional<std::string_view>();
        const Received received = receive_from_one(socket_->stream.native_handle(), socket_->chunk);
        if (received.error == EAGAIN && !error) continue;
        if (received.count == 0) {
            socket_->close();
            return ended();
        }
        if (auto trusted = server_->has_sent(received.sender); !trusted) {
            socket_->close();
            return ClientError{Kind::untrusted, trusted.error()};
        }
        socket_->lines.append({socket_->chunk.data(), received.count});
    }
}

}  // namespace capsule
