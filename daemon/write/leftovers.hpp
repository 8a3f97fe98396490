// What an earlier run that was killed left beside a file.
#pragma once

#include <string>
#include <vector>

#include "daemon/write/file_access.hpp"

namespace capsule {

/// Looks at every temporary file of ours beside the place. To be called with the directory's lock held: then none
/// belongs to a run that still lives. A half-written one, one of ours that never got there, and the version that ours
/// replaced hold nothing that is needed and go. Anything else is the version of another program that came out in an
/// exchange and was not merged any more: it goes back to the target if that still is what our run put there (or is
/// gone), else it stays under a visible name, NAME.capsuled-saved-XXXXXXXX. Gives those names' paths.
std::vector<std::string> tidy_leftovers(const Place& place);

}  // namespace capsule
