// The address of a provider: what capsule.toml may say, and where capsule-broker connects to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

struct HttpUrl {
    bool tls = true;
    std::string host;  ///< lower case; an IPv6 address without its brackets
    std::uint16_t port = 443;
    std::string path;       ///< begins with '/', or is empty
    std::string authority;  ///< what the Host header says: with the port only where it is not the scheme's own
};

/// Reads "https://host[:port][/path]", or "http://…" to a loopback address or "localhost". Fails with config_conflict
/// and a message that goes on after the URL, such as "has no valid port": another scheme, user information, a query, a
/// fragment, a host that is no name and no address.
Result<HttpUrl> read_http_url(std::string_view url);

/// Of two of these; slashes at the end do not count. False where one of them is none.
bool same_address(std::string_view one, std::string_view other);

/// 1 to 65535, without a zero in front; none otherwise.
std::optional<std::uint16_t> port_number(std::string_view text);

/// Whether a textual IPv4 or IPv6 address is a loopback one, also when mapped into IPv6; false for a name.
bool is_loopback_address(std::string_view host) noexcept;

/// Whether a textual address is link-local (169.254.0.0/16, fe80::/10, also when mapped into IPv6), where cloud
/// machines hand out their credentials.
bool is_link_local_address(std::string_view host) noexcept;

}  // namespace capsule
