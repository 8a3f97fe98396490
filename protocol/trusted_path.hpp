// Whether what a path leads to is in nobody's hands but root's and this process's own user's.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "protocol/unique_fd.hpp"

namespace capsule {

/// What is wrong with a path, for people: "/home/agent/bin can be changed by user 1000".
struct UntrustedPath {
    std::string component;  ///< the first that somebody else can change
    std::string why;        ///< "belongs to user 1000", "can be written to by its group"
    int error = 0;          ///< ENOENT: it is not there, and somebody else could make it; else why nobody can tell
    bool mounted_read_only = false;  ///< here, for this process: it is no exception, but the cure needs more words
    std::string cure() const;
};

/// Follows `path` (absolute) one step after the other, links too, and stops at the first component that another user
/// could replace: one that belongs to another user than root or this process's,
/// or that its group or everybody can write to. In a directory with the sticky bit, as /tmp, only what belongs to
/// another user counts, and what is not there, which anybody can make. A read-only mount changes nothing: whose the
/// file is can write to it by another mount, or among other mounts than this process's. In a user namespace that does
/// not have the machine's root, all that it does not have look like root: such an owner is believed of directories on
/// the way and of the system's own files, and of nothing else that the path leads to. None: nobody can, as far as the
/// path exists. What cannot be looked at (no descriptor is left) is not trusted.
std::optional<UntrustedPath> untrusted_component(const std::string& path);

/// The same of a directory in which names are looked up: with the sticky bit nobody can replace what is there, and
/// anybody can add to it.
std::optional<UntrustedPath> untrusted_directory(const std::string& path);

/// What a path led to.
struct FoundFile {
    UniqueFd fd;            ///< open for reading; none: see below
    struct stat status {};  ///< what is there; another kind than the one that was asked for is not opened
    std::optional<UntrustedPath> untrusted;
    int error = 0;  ///< errno; ENOENT, ENOTDIR: nothing is there
};

/// Opens what untrusted_component() finds no fault with, without a moment in between in which another user could put
/// something else there: each step starts at the directory that was looked at, and what was opened is looked at, too.
/// `kind` is S_IFREG or S_IFDIR. Never waits. What is missing on a read-only mount is only missing.
FoundFile open_trusted(const std::string& path, mode_t kind);

/// The same, and opens nothing: `status` is all that it gives, and only of what is trusted.
FoundFile look_at_trusted(const std::string& path);

/// The same, whoever could change it.
FoundFile open_anybodys(const std::string& path, mode_t kind);

}  // namespace capsule
