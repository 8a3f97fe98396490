// Whose files a thread of the daemon's can reach.
#pragma once

#include "protocol/common_messages.hpp"

namespace capsule {

/// For this thread only, and for files only: the real and saved ids stay the daemon's, so that the user's processes
/// cannot signal or trace the thread. Leaving fsuid 0 takes the capabilities that override permissions away, unless the
/// daemon's starter has kept the kernel from it; so the thread gives them up itself.
/// Throws Failure where it cannot be done: then the thread may touch nothing of that user's.
void take_file_identity(const SessionUser& user);

}  // namespace capsule
