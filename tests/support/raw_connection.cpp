#include "tests/support/raw_connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace capsule::test {

namespace {

using Clock = std::chrono::steady_clock;

bool readable_within(int descriptor, std::chrono::milliseconds time) {
    pollfd polled{descriptor, POLLIN, 0};
    return poll(&polled, 1, static_cast<int>(time.count())) > 0;
}

}  // namespace

RawConnection::RawConnection(const std::filesystem::path& socket_path) {
    descriptor_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) throw std::runtime_error("socket failed");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = socket_path.string();
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int problem = errno;
        close(descriptor_);
        throw std::runtime_error("cannot connect to " + path + ": " + std::strerror(problem));
    }
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

RawConnection::~RawConnection() {
    if (descriptor_ >= 0) close(descriptor_);
}

pid_t RawConnection::listener() const {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    getsockopt(descriptor_, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    return credentials.pid;
}

void RawConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void RawConnection::send_line(std::string_view line) {
    send(std::string(line) + "\n");
}

void RawConnection::half_close() {
    shutdown(descriptor_, SHUT_WR);
}

std::optional<std::string> RawConnection::read_line(std::chrono::milliseconds limit) {
    const auto end = Clock::now() + limit;
    for (;;) {
        if (const auto found = buffer_.find('\n'); found != std::string::npos) {
            std::string line = buffer_.substr(0, found);
            buffer_.erase(0, found + 1);
            return line;
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0 || !readable_within(descriptor_, left))
            throw std::runtime_error("no answer in time; so far: " + buffer_);
        std::array<char, 65536> block{};
        const ssize_t got = recv(descriptor_, block.data(), block.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (!buffer_.empty()) throw std::runtime_error("the stream ended within a line: " + buffer_);
            return std::nullopt;
        }
        buffer_.append(block.data(), static_cast<std::size_t>(got));
    }
}

std::vector<std::string> RawConnection::read_to_end(std::chrono::milliseconds limit) {
    std::vector<std::string> lines;
    while (auto line = read_line(limit))
        lines.push_back(std::move(*line));
    return lines;
}

bool RawConnection::silent_for(std::chrono::milliseconds time) {
    return buffer_.empty() && !readable_within(descriptor_, time);
}

std::string RawConnection::ask(std::string_view line) {
    send_line(line);
    auto answer = read_line();
    if (!answer) throw std::runtime_error("the connection was closed instead of answering " + std::string(line));
    return std::move(*answer);
}

}  // namespace capsule::test
