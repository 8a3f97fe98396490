// Files of keys, sockets, and directories for them, that are not there. A tmpfs, as /run is one, remembers no name that
// it does not have: each look for such a name waits for whoever holds the directory, which anybody can for seconds who
// may list it. So the names in it are listed once, by a thread of their own, and again when the directory has changed.
#pragma once

#include <string>

namespace capsule {

/// Whether there is certainly nothing at `path`, as far as that is known without a look for it. Where its directory is
/// not there, the one that counts is the first above that is. False where that is another user's, can be changed by
/// others or listed by nobody else: there a look is no worse, or says what is wrong. Waits half a second at most, and
/// only for the first time after a change.
bool is_known_missing(const std::string& path);

/// Waits until the directory of `path` is known. At the daemon's start.
void learn_what_is_beside(const std::string& path);

}  // namespace capsule
