// A process that becomes another user's, and root's, which hears what it says. That user can take all that the one has
// open, make it say anything, and keep it from ending, from a file system of its own even SIGKILL or not. So it has
// nothing of root's but a file without a name to write to, and whoever waits for it stays root and does so with a
// limit. A pipe would not do: who writes to one can make its reader wait in the kernel. Nor would a socket, which
// brings open files.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace capsule {

enum class Heard {
    all,          ///< as `take` said
    ended,        ///< before that
    interrupted,  ///< by SIGINT or SIGTERM to this process
    too_late,     ///< a line took longer than it may
    too_much,     ///< more text than anybody has to say
    not_started,  ///< errno says why
};

struct OtherUsersProcess {
    /// What the new process does. It has /dev/null as 0 and the file as 1 and 2, leads a session without a terminal,
    /// and is in "/". It gets SIGTERM when root's ends, until it becomes another user.
    std::function<void()> work;
    /// Hears a line. Gives how long from now on another may take; zero: this was the last one; none: as before.
    std::function<std::optional<std::chrono::milliseconds>(std::string_view line)> take;
    std::chrono::milliseconds first_limit;
};

/// Of a process with one thread. The other one is told to end by SIGTERM where this one is to, and has a few seconds
/// for it; in the end it is killed, and not waited for.
Heard hear_other_user(const OtherUsersProcess& task);

}  // namespace capsule
