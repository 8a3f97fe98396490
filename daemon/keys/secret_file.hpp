// A file that holds one key.
#pragma once

#include <optional>
#include <string>

#include "daemon/base/secret.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// No key is nearly as long.
inline constexpr std::size_t max_secret_file_bytes = 64 * 1024;

/// The file's key, without one trailing newline; none when there is no file or it is empty. Read anew each time, so
/// that a rotated secret counts at once; never waits. key.error, naming path and cure: another user could change it, or
/// put another file in its place (protocol/trusted_path.hpp), no regular file, too large, not readable, or what it
/// holds is no key.
Result<std::optional<Secret>> read_secret_file(const std::string& path);

/// Whether the mode of a regular file lets its group or everybody read it. False where there is none.
bool others_can_read(const std::string& path);

}  // namespace capsule
