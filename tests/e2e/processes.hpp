// What /proc says of a process and all that it started.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

namespace capsule::e2e {

using ProcessEnvironments = std::map<std::string, std::map<std::string, std::string>>;

/// Notes the present environment of `root` and its descendants, by "pid program".
void note_environments(pid_t root, ProcessEnvironments& into);

}  // namespace capsule::e2e
