// A connection of either side: TCP, or TLS over it. It reads and writes at once what it can, and waits where it must.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <span>
#include <string_view>

namespace capsule::broker {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorOf = boost::system::error_code;

struct SslDelete {
    void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
};
using Ssl = std::unique_ptr<SSL, SslDelete>;

/// How a read or a write went.
struct Io {
    enum class Is {
        done,
        wants_read,   ///< nothing yet: wait until the socket can be read
        wants_write,  ///< wait until it can be written
        ended,        ///< the other side has ended it properly
        failed,
    };
    Is is = Is::failed;
    std::size_t bytes = 0;

    bool waits() const noexcept { return is == Is::wants_read || is == Is::wants_write; }
};

/// OpenSSL works on the socket itself, without Asio's stream and its three buffers of 17 KiB: a stream that is silent
/// holds none. One thread; no two writes and no two reads at once.
class Stream {
  public:
    explicit Stream(Tcp::socket socket, Ssl ssl = {});

    /// Never waits. Gives as much as is there, up to the room.
    Io try_read(std::span<char> room);
    Io try_write(std::string_view bytes);

    /// Until the socket is ready for what an Io wants. `error`, which outlives the wait, says when that was cut short.
    asio::awaitable<void> wait(Io::Is what, ErrorOf& error) {
        return socket_.async_wait(what == Io::Is::wants_write ? Tcp::socket::wait_write : Tcp::socket::wait_read,
                                  asio::redirect_error(asio::use_awaitable, error));
    }

    /// Waits until something has come, and reads it into room that outlives the wait: fewer system calls than a try and
    /// a wait(). Of plain TCP alone.
    asio::awaitable<std::size_t> read(std::span<char> room, ErrorOf& error) {
        return socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                       asio::redirect_error(asio::use_awaitable, error));
    }

    /// Steps of the TLS handshake as a client: done, waits, or failed.
    Io try_handshake();

    Tcp::socket& socket() noexcept { return socket_; }
    SSL* ssl() noexcept { return ssl_.get(); }

    /// Whether an idle connection can carry another request: nothing has arrived, and it is not closed.
    bool is_still_good();

    /// At once, whoever waits: their waits fail.
    void close() noexcept;

  private:
    Io outcome(int result);

    Tcp::socket socket_;
    Ssl ssl_;
};

/// Lets every other coroutine that is ready go first.
asio::awaitable<void> others_have_their_turn();

/// Writes all of it; false when the stream broke. What cannot be written at once is copied: the bytes may be shared.
asio::awaitable<bool> write_all(Stream& stream, std::string_view bytes);

}  // namespace capsule::broker
