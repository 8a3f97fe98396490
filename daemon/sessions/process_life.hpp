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
    std::uint64_t started = 0;  ///< in clock ticks since the machine started, as in /proc/<pid>/stat
};

/// Now, in the same unit.
std::uint64_t ticks_since_boot();

/// The process that has `pid` now. None: there is none, or it cannot be seen from here (another PID namespace's).
std::optional<ProcessIdentity> process_with(pid_t pid);

/// Becomes readable when the process ends. None: it has ended, or another one has its pid.
std::optional<UniqueFd> watch_process(const ProcessIdentity& process);

struct WatchedProcess {
    ProcessIdentity identity;
    UniqueFd end;  ///< becomes readable when the process ends
};

/// Both for the process that has `pid` now. None as from process_with(). Another user can make this take long: any user
/// can hold the lock of /proc.
std::optional<WatchedProcess> watch_process_with(pid_t pid);

/// Which start of the machine this is; empty where the kernel does not tell. Read once.
const std::string& boot_id();

}  // namespace capsule
