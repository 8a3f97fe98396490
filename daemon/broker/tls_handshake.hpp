// The beginning of TLS with a provider.
#pragma once

#include <string>

#include "daemon/broker/stream.hpp"

namespace capsule::broker {

/// A handshake as a client, without its socket: bytes of the server's in, bytes for it out. What a server sends chooses
/// how long a step computes, so steps are for threads of their own (workers.hpp), one at a time.
class TlsHandshake {
  public:
    enum class Is { done, wants_more, failed };

    explicit TlsHandshake(Ssl ssl);

    /// Takes `in`, and adds to `out`.
    void step();

    std::string in, out;
    Is is = Is::wants_more;
    std::string why;  ///< it failed, for people: what is the matter with the certificate, or OpenSSL's own word

    /// Once it is done. What came behind it is in `in` then.
    Ssl take();

  private:
    Ssl ssl_;
};

}  // namespace capsule::broker
