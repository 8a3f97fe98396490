// [broker] ca_file: whom capsule-broker believes that a server is a provider's, and so who is sent keys.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "daemon/sessions/broker_program.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// Forty times what systems come with.
inline constexpr std::size_t max_authorities_bytes = 8 * 1024 * 1024;

/// What stands in that file (an absolute path); never waits. Fails with io.error (not there, not readable) and
/// config.conflict: another user could change the file (protocol/trusted_path.hpp), no regular file, or too large.
Result<std::string> read_authorities(const std::string& path);

/// Whether a broker can use what read_authorities() gave of `path`: capsule-broker is asked, as `identity`, which alone
/// knows certificates. Fails with config.conflict where it says no, and io.error where it says nothing within 20 s.
boost::asio::awaitable<Result<void>> check_authorities(std::string path, std::string authorities,
                                                       std::optional<BrokerIdentity> identity);

}  // namespace capsule
