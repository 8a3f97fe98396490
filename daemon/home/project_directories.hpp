// Where an agent looks for a project's settings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/session.hpp"

namespace capsule {

struct ProjectDirectories {
    /// The session's directory and those above it up to the root of its repository; outside of one, itself alone.
    std::vector<std::string> paths;
    /// The others up to `/`. An agent that has git say what a repository is may go on to them: git takes none that is
    /// another user's, or is broken, and may not be installed.
    std::vector<std::string> above{};
    /// In a linked worktree the main checkout's root, where `.git` says that it is. None: there is none, or it is one
    /// of `paths`. Claude Code takes settings and skills from there, and nothing from above it.
    std::optional<std::string> main{};
    bool has_root = false;  ///< there is a repository
    bool are_all = true;    ///< false: the agent may look at others, too
};

/// `cwd` is the directory's name, absolute. First come those that are above where it is when all links are followed, as
/// the agent finds itself there; then those that are above its name alone, which its shell may know. Each is there
/// once, by its name where it has one. Looks with the calling thread's identity, and follows no link into the kernel's
/// own files, where a lookup may wait.
ProjectDirectories project_directories(const std::string& cwd);

struct OpenDirectory {
    std::string path;
    bool is_known;            ///< false: it, or what is above it, cannot be looked at, so somebody may
    bool is_of_main = false;  ///< the main checkout, or above it
};

/// The nearest directory above the session's, or its main checkout or a directory above that, in which somebody else
/// can put settings at any time: neither root nor the session's user, nor anybody who can write to the session's
/// directory and come to it. None: there is none.
std::optional<OpenDirectory> open_to_others(const ProjectDirectories& directories, const SessionHome& home);

}  // namespace capsule
