// What the process does before anything else, because it will hold keys.
#pragma once

#include <map>
#include <string>

#include "daemon/base/secret.hpp"

namespace capsule {

/// Moves the whole environment out of where /proc/<pid>/environ shows it: gives it as a map, zeroes the memory that it
/// was in, and leaves getenv() only what libraries need to run (systemd's own variables, TZ). Call before any thread.
std::map<std::string, Secret> take_environment();

/// No core dumps, no ptrace or /proc/<pid>/mem by others of the same user, no new privileges by exec; as many open
/// files as allowed. Throws Failure when one of them is refused.
void harden_process();

}  // namespace capsule
