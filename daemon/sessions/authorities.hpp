// [broker] ca_file: whom capsule-broker believes that a server is a provider's, and so who is sent keys.
#pragma once

#include <cstddef>
#include <string>

#include "protocol/errors.hpp"

namespace capsule {

/// Forty times what systems come with.
inline constexpr std::size_t max_authorities_bytes = 8 * 1024 * 1024;

/// The certificates of that file (PEM, an absolute path), and nothing else that stands in it; never waits. Whether they
/// are sound the broker says. Fails with io.error (not there, not readable) and config.conflict: another user could
/// change the file (base/trusted_path.hpp), no regular file, too large, no certificate in it, or one that is torn.
Result<std::string> read_authorities(const std::string& path);

}  // namespace capsule
