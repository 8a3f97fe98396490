// A connection of either side: TCP, or TLS over it. It reads and writes at once what it can, and waits where it must.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "daemon/broker/descriptor.hpp"

namespace capsule::broker {

struct SslDelete {
    void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
};
using Ssl = std::unique_ptr<SSL, SslDelete>;

/// TLS has no buffer here beside OpenSSL's own, which a stream that is silent does not have. One thread; no two writes
/// and no two reads at once.
class Stream final : public Descriptor {
  public:
    /// `own`: a connected socket, or one that connects, which does not block.
    Stream(Loop& loop, UniqueFd own);

    /// From here on all goes through TLS, whose handshake is done; `early` has come behind that already. False: OpenSSL
    /// has no memory.
    bool begin_tls(Ssl ssl, std::string early);

    /// Never waits. Gives as much as is there, up to the room. After some 80 KiB of TLS it gives what it has, or
    /// "wait": records may carry little.
    Io try_read(std::span<char> room);
    Io try_write(std::string_view bytes);

    /// Sends the first byte of what is written next, and not again then: the rest may be for others than who reads
    /// here.
    void begin_with(char first);

    /// Whether an idle connection can carry another request: nothing has arrived, and it is not closed.
    bool is_still_good();

    /// What TLS reads of the socket, for a BIO's method.
    Io receive_for_tls(std::span<char> room);
    /// TLS has a message of its own, a ticket or new keys. False: it may not take one more.
    bool takes_message() noexcept;
    /// It failed as more of these came than a server sends.
    bool is_flooded() const noexcept;

  private:
    bool has_something() const noexcept;
    Io read(std::span<char> room);
    Io outcome(int result);

    Ssl ssl_;
    std::string early_;                     ///< for TLS, before anything of the socket
    std::size_t taken_ = 0, may_take_ = 0;  ///< bytes of the socket's, in this step
    std::uint64_t owed_ = 0;                ///< bytes of data that are to come for TLS's messages
    bool untold_ = false;                   ///< an end, or a failure, that the next read tells of
    bool begun_ = false;                    ///< begin_with()
};

/// co_await write_all(…) writes all of it and gives whether that went well. What the kernel takes at once needs no
/// coroutine of its own; what it does not take is copied, so the bytes may be shared.
class [[nodiscard]] WriteAll {
  public:
    WriteAll() = default;  ///< gives false
    WriteAll(Stream& stream, std::string_view bytes);

    bool await_ready() const noexcept { return !rest_; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) noexcept { return rest_->await_suspend(who); }
    bool await_resume() { return rest_ ? rest_->await_resume() : good_; }

  private:
    bool good_ = false;
    std::optional<Task<bool>> rest_;
};

inline WriteAll write_all(Stream& stream, std::string_view bytes) {
    return WriteAll(stream, bytes);
}

}  // namespace capsule::broker
