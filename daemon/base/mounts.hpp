// Whose a file system is. What FUSE says of owners and modes is what the process that serves it makes up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "protocol/unique_fd.hpp"

namespace capsule {

/// The FUSE mounts of a /proc/PID/mountinfo: who serves each, by the mount's id.
std::map<std::uint64_t, uid_t> fuse_servers_in(std::string_view mountinfo);

/// Who serves the files of the mount that `place` (which may be O_PATH) is on, where that is neither root nor this
/// process's user. Asks that user's process nothing. None also where the kernel does not tell of mounts (before Linux
/// 5.8, or without /proc). For any thread.
std::optional<uid_t> foreign_server_of(const UniqueFd& place);

}  // namespace capsule
