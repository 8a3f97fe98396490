// What /proc says of a process and all that it started.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace capsule::e2e {

using ProcessEnvironments = std::map<std::string, std::map<std::string, std::string>>;

/// Notes the present environment of `root` and its descendants, by "pid program".
void note_environments(pid_t root, ProcessEnvironments& into);

/// Which of these texts are in the memory of `root` and its descendants now, as root reads it. Adds to what was found,
/// and gives how many bytes were looked at.
std::size_t search_memory(pid_t root, const std::set<std::string>& texts, std::set<std::string>& found);

}  // namespace capsule::e2e
