// Who is at the other end of a connection. The identity is the connection's: taken once, by the kernel, at connect.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

struct Peer {
    pid_t pid = 0;  ///< for the log only: a pid may be another process by now
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
    std::uint64_t connection = 0;     ///< no other one of this daemon has that number
    std::uint64_t connected_at = 0;   ///< in clock ticks since the machine started: a later process is another one
    std::uint64_t process_inode = 0;  ///< inode_of_peer() of daemon/sessions/process_life.hpp
    std::optional<uid_t> counted{};   ///< counted_as() of daemon/users/subordinate.hpp; none: as itself

    uid_t counted_as() const { return counted.value_or(uid); }
};

/// SO_PEERCRED and SO_PEERGROUPS of a connected Unix socket. Fails with io.error when the kernel does not tell.
Result<Peer> peer_of(int socket);

}  // namespace capsule
