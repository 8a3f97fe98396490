// What a program's signals are when it starts is whoever's has started it: ignored ones stay ignored, blocked ones
// blocked. Where SIGCHLD is ignored, the kernel reaps children by itself, and their numbers are soon another's.
#pragma once

#include <sys/types.h>

namespace capsule {

/// To be called first in main(), while there is one thread: SIGCHLD as it is by default, and no signal blocked.
void take_own_signals();

/// Both as take_own_signals() found them, for a program that is executed in this one's place.
void give_signals_back();

/// Signals a child, or with `group` the process group that it leads, for as long as it is not reaped: afterwards both
/// numbers may be another's. Only for whoever reaps it. False: it was not signalled.
bool signal_child(pid_t child, int signal, bool group = false);

}  // namespace capsule
