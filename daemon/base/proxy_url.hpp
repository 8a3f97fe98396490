// The address of an HTTP proxy: what [broker] proxy and HTTPS_PROXY may say, and where capsule-broker connects to.
#pragma once

#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

struct ProxyUrl {
    std::string host;         ///< an IPv6 address without its brackets
    std::string port;         ///< 1 to 65535
    std::string credentials;  ///< "user:password" as it stands there, with its escapes; empty: none
};

/// Reads "http://[USER:PASSWORD@]HOST[:PORT][/]". Fails with config_conflict and a message that goes on after the
/// setting's name, such as "has no valid port". It repeats nothing of the URL, which may have a password.
Result<ProxyUrl> read_proxy_url(std::string_view url);

}  // namespace capsule
