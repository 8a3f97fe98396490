// Another process's life: that it is still the one that was meant, and when it ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/unique_fd.hpp"

namespace capsule {

/// A process that can be told from a later one with the same pid, by the daemon and by the one that is started after
/// it.
struct ProcessIdentity {
    pid_t pid = 0;
    std::uint64_t started = 0;  ///< in clock ticks since the machine started, as in /proc/<pid>/stat; 0: not known
    std::uint64_t inode = 0;    ///< of its pidfd, no other process's until the machine starts anew; 0: see `started`
};

/// Now, in the unit of ProcessIdentity::started.
std::uint64_t ticks_since_boot();

/// ProcessIdentity::inode of the process that connected to this Unix socket. 0: the kernel does not tell (before Linux
/// 6.9), or the process has ended.
std::uint64_t inode_of_peer(int socket);

/// The process that has `pid` now, by its inode or, where the kernel has none, its start. None: there is none, or it
/// cannot be seen from here (another PID namespace's).
std::optional<ProcessIdentity> process_with(pid_t pid);

/// The same by its start, whatever the kernel has. Another user can make this take long: any user can hold the lock of
/// /proc.
std::optional<ProcessIdentity> process_by_start(pid_t pid);

/// Becomes readable when the process ends. None: it has ended, or another one has its pid. Takes as long as
/// process_by_start() where the identity has no inode.
std::optional<UniqueFd> watch_process(const ProcessIdentity& process);

struct WatchedProcess {
    ProcessIdentity identity;
    UniqueFd end;  ///< becomes readable when the process ends
};

/// Which start of the machine this is; empty where the kernel does not tell. Read once.
const std::string& boot_id();

}  // namespace capsule
