// A Unix stream socket with time limits. Internal to capsule_client; only connection.cpp includes Asio.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/client.hpp"
#include "protocol/trusted_server.hpp"

namespace capsule {

class Client::Connection {
  public:
    /// `timeout` is for connecting, for sending, and for each answer.
    explicit Connection(std::chrono::milliseconds timeout);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    /// Fails with `untrusted` when somebody listens there who should not: see Client::connect().
    ClientResult<void> connect(const std::string& path);
    /// Only once connected.
    const TrustedServer& server() const noexcept { return *server_; }
    const std::string& path() const noexcept { return path_; }
    ClientResult<void> send(std::string text);
    /// When a wait that begins now has lasted as long as this connection's time limit.
    std::chrono::steady_clock::time_point end_of_wait() const;
    /// The next line without its end, which is whole by then. The view lives until the next call.
    ClientResult<std::string_view> read_line(std::chrono::steady_clock::time_point end);
    /// The same, or none when no line was complete in that time: the connection is as good as before.
    ClientResult<std::optional<std::string_view>> wait_for_line(std::chrono::milliseconds limit);

  private:
    struct Socket;
    std::unique_ptr<Socket> socket_;
    std::string path_;
    std::optional<TrustedServer> server_;
};

}  // namespace capsule
