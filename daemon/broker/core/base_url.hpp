// Where a session's requests may go: below its provider's base URL and nowhere else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/http_url.hpp"
#include "daemon/broker/core/refusal.hpp"
#include "protocol/errors.hpp"

namespace capsule::broker {

using BaseUrl = HttpUrl;

/// read_http_url() without slashes at the end. Fails also for a path that check_target() would refuse and a link-local
/// address.
Result<BaseUrl> parse_base_url(std::string_view url);

/// Allows an origin-form target whose path, decoded, is the base path or below it. What could mean one thing here and
/// another at the provider ("..", "//", an encoded slash, backslash or percent sign) is refused with 400 and never
/// tidied up; a sound path elsewhere is 403 capsule_not_this_session. A target that is allowed is passed on as it came.
Allowed<void> check_target(std::string_view target, std::string_view base_path);

/// Whether the target, which is allowed, is one of those that a model is asked at: its server reads a request's body.
bool asks_a_model(std::string_view target, std::string_view base_path) noexcept;

/// Whether NO_PROXY's list names this host: "*", a host, a domain with or without a dot in front, each with an optional
/// port; separated by commas or spaces.
bool is_in_no_proxy(std::string_view list, std::string_view host, std::uint16_t port) noexcept;

}  // namespace capsule::broker
