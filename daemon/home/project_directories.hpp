// Where an agent looks for a project's settings.
#pragma once

#include <string>
#include <vector>

namespace capsule {

struct ProjectDirectories {
    std::vector<std::string> paths;
    bool are_all = true;  ///< false: the agent may look at others, too
};

/// The session's directory and those above it up to the root of its repository; outside of one, itself alone. `cwd` is
/// its name, absolute. First come those that are above where it is when all links are followed, as the agent finds
/// itself there; then those that are above its name alone, which its shell may know. Each is there once, by its name
/// where it has one. Looks with the calling thread's identity, and follows no link into the kernel's own files, where a
/// lookup may wait.
ProjectDirectories project_directories(const std::string& cwd);

}  // namespace capsule
