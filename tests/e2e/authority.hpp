// A certificate authority that lives as long as the test.
#pragma once

#include <string>
#include <vector>

namespace capsule::e2e {

struct Authority {
    std::string ca_certificate;  ///< PEM; what agents are told to trust
    std::string certificate;     ///< PEM; of a server that is every one of the hosts
    std::string private_key;     ///< PEM; the server's
};

/// Throws std::runtime_error when OpenSSL refuses.
Authority make_authority(const std::vector<std::string>& hosts);

}  // namespace capsule::e2e
