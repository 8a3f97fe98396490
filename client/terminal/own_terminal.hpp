// Another user's program on somebody's terminal. Who has a terminal open can type into it (TIOCSTI), read what is typed
// there later, and write what its owner takes for the shell's. So the program has a terminal of its own, which is
// relayed and ends with it, as sudo's use_pty and su --pty do.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

/// Whether a program that this process becomes could reach a terminal: 0, 1, 2 or one of `kept` is one, or this process
/// has a controlling one.
bool has_terminal(const std::vector<int>& kept);

struct OwnTerminalTask {
    uid_t owner = 0;               ///< of the new terminal
    std::vector<int> kept;         ///< descriptors besides 0, 1 and 2 that the program is given
    std::function<int()> program;  ///< what the program's process does; its result is the exit code
    std::function<void()> forget;  ///< drops what only the program needs to know; run in the processes that stay
};

/// Runs `task.program` in a session on a new terminal. Those of its descriptors that are terminals become the new one,
/// the others are passed on. This process keeps its identity and relays until the program ends; gives waitpid's status
/// of it. Fails with io_error, also when a process of the program's user traces it and keeps its end to itself.
Result<int> run_on_own_terminal(OwnTerminalTask task);

/// Ends this process as a program with waitpid's `status` has ended: by the same signal, or gives the exit code.
int end_alike(int status);

}  // namespace capsule
