// Where a session of another user than the daemon's, or of root's, has its temporary files. Agents load code from
// there, and refuse to start where another user has a directory of theirs, all under names that others can foresee and
// make first in /tmp.
#pragma once

#include <string>

#include "daemon/agents/session.hpp"
#include "daemon/write/apply.hpp"

namespace capsule {

/// Gives the session a TMPDIR of its user's alone, unless it has one from [env] or the request, or is the daemon's own
/// user's and not root's: ABOVE/capsule-UID or, where another user has that name, one in the home. With
/// ApplyMode::write it is made. Where it cannot be: none, and the warning session.tmpdir. One that root's session was
/// given and that another user can change does not count, with that warning. Acts with the calling thread's identity,
/// the session user's.
void give_temporary_directory(Plan& plan, const SessionHome& home, ApplyMode mode, const std::string& above = "/tmp");

}  // namespace capsule
