// A provider's base URL, and the only place where a session's requests may go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/broker/core/refusal.hpp"
#include "protocol/errors.hpp"

namespace capsule::broker {

struct BaseUrl {
    bool tls = true;
    std::string host;  ///< lower case; an IPv6 address without its brackets
    std::uint16_t port = 443;
    std::string path;       ///< begins with '/', does not end with one; empty for none
    std::string authority;  ///< what the Host header says: with the port only where it is not the scheme's own
};

/// Reads "https://host[:port][/path]" or "http://…". Fails with config_conflict: another scheme, user information, a
/// query, a path that check_target() would refuse, http to anything but a loopback address or "localhost", a link-local
/// address.
Result<BaseUrl> parse_base_url(std::string_view url);

/// Whether a textual IPv4 or IPv6 address is a loopback one; false for a name.
bool is_loopback_address(std::string_view host) noexcept;

/// Whether a textual address is link-local (169.254.0.0/16, fe80::/10, also when mapped into IPv6), where cloud
/// machines hand out their credentials.
bool is_link_local_address(std::string_view host) noexcept;

/// Allows an origin-form target whose path, decoded, is the base path or below it. What could mean one thing here and
/// another at the provider ("..", "//", an encoded slash, backslash or percent sign) is refused with 400 and never
/// tidied up; a sound path elsewhere is 403 capsule_not_this_session. A target that is allowed is passed on as it came.
Allowed<void> check_target(std::string_view target, std::string_view base_path);

/// Whether NO_PROXY's list names this host: "*", a host, a domain with or without a dot in front, each with an optional
/// port; separated by commas or spaces.
bool is_in_no_proxy(std::string_view list, std::string_view host, std::uint16_t port) noexcept;

}  // namespace capsule::broker
