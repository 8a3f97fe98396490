// What a program of another user's leaves behind ends with it: it would stay among the daemon's own processes, take
// their places (TasksMax= of the service, the container's pids limit) and never end.
#pragma once

#include <signal.h>

namespace capsule {

/// What tells the keeper that the program's time is over.
inline constexpr int keeper_ends_with = SIGTERM;

/// Forks. Returns in the child, in a session of its own, which may become another user. This process stays what it is,
/// so that no other user can signal it, and everything that loses its parent below it becomes its child. When the child
/// has ended, it writes that to `report`, and ends with that one's status (128 + n: signal n), or at keeper_ends_with
/// or the daemon's end; before, it kills all that is left, until nothing is, and writes how many that were. Of what
/// cannot be killed so soon it looks into /proc, where any user can keep it waiting, for ten minutes at most. False,
/// with errno: it cannot fork.
bool keep_what_it_starts(int report);

}  // namespace capsule
