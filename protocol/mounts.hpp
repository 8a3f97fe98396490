// Whose a file system is. What FUSE says of owners and modes is what the process that serves it makes up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/unique_fd.hpp"

namespace capsule {

/// The mounts of a /proc/PID/mountinfo by their ids, with who serves each by FUSE; none: the kernel has its files.
std::map<std::uint64_t, std::optional<uid_t>> mounts_in(std::string_view mountinfo);

/// Why what is said of the owner and the mode of `place` (which may be O_PATH) is not to be believed, as what follows
/// its path in a sentence: "is on a file system that user 1000 serves", where that is neither root nor this process's
/// user; or it is on one that is not mounted any more. Empty: it is to be believed, or the kernel does not tell of
/// mounts (before Linux 5.8, or without /proc). Asks no process that serves one. For any thread.
std::string why_not_believed(const UniqueFd& place);

}  // namespace capsule
