// The leader of a session on a terminal of its own: starts the program and watches it.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <vector>

namespace capsule {

struct LeaderTask {
    int terminal = -1;             ///< the new terminal; becomes the session's controlling one
    int master = -1;               ///< its other side, which the leader closes last
    uid_t owner = 0;               ///< to whom it is given once nobody else can have it as theirs
    int channel = -1;              ///< to the relay
    std::vector<int> replaced;     ///< descriptors of the program that become the new terminal
    sigset_t mask{};               ///< the program's
    std::function<int()> program;  ///< what the program's process does; its result is the exit code
    std::function<void()> forget;  ///< run in the leader once the program has its own process
};

/// Never returns. Keeps this process's identity, so that the program cannot touch it, and has only its own descriptors
/// open: it may last longer than the program, and what that was given ends with that. The program has a process group
/// of its own in the session: a group whose leader's parent is in the same session is one that Ctrl-Z can stop. Ends,
/// and with it the terminal, when the program does or the relay is gone. The last close of a terminal waits for whoever
/// is writing to it, which one of the session's processes can make last: so this process keeps `master` open longer
/// than the relay does, and nobody waits for this one's end without a limit. All signals must be blocked.
[[noreturn]] void lead_session(LeaderTask task);

}  // namespace capsule
