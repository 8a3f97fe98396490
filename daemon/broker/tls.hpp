// TLS to providers: 1.2 or higher, a trusted certificate, the host's own name in it. Nothing here can be switched off.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/broker/core/base_url.hpp"
#include "daemon/broker/tls_handshake.hpp"

namespace capsule::broker {

class TlsContext {
  public:
    /// Trusts the system's store, or the certificates in `authorities` (PEM) in its place. Throws Failure, as
    /// add_authorities() does.
    explicit TlsContext(const std::optional<std::string>& authorities);

    /// With that host; null when OpenSSL refuses.
    std::shared_ptr<TlsHandshake> begin(const BaseUrl& base) const;

  private:
    struct Delete {
        void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
    };
    std::unique_ptr<SSL_CTX, Delete> context_;
};

}  // namespace capsule::broker
