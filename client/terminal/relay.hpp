// Between the terminal of the person and the terminal of the session: keys, output, size, signals, stops.
#pragma once

#include <signal.h>

#include <optional>

#include "client/terminal/user_terminal.hpp"

namespace capsule {

/// The signals that relay_terminal() takes note of; they must be blocked.
sigset_t relayed_signals();

/// Runs until the session's leader at the other end of `channel` says that the program has ended, and gives waitpid's
/// status of it; none: a process that traces the program keeps it. `master` is the session's terminal, non-blocking.
/// Takes both descriptors. When the program is stopped, this process stops with its job, and continues the program when
/// it is continued itself. When the person's terminal is gone, the session's is hung up. While nobody reads the
/// person's terminal, only the program waits. What it wrote before its end is waited for without a limit, until
/// SIGTERM, Ctrl-C or the like, and for 2 s from then on. So much is shown as a terminal holds, whoever writes on.
std::optional<int> relay_terminal(UserTerminal& user, int master, int channel);

}  // namespace capsule
