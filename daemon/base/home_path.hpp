// Opens a path of which another user controls a part: links are followed as everywhere, but never into a file system
// that the kernel makes as it is looked at. In /proc the lookup of a name alone (stat) may wait for the memory map of a
// process, for as long as whoever owns that likes, and no signal ends it.
//
// All that looks at the home and the project by a path does it by these; see tests/docs/home_paths.py.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "protocol/unique_fd.hpp"

namespace capsule {

/// What one search may still take.
struct LinkBudget {
    int links = 40;           ///< as the kernel's own limit
    std::size_t text = 4096;  ///< bytes of what they lead to, of all of them together
    int steps = 128;          ///< names that are looked up one by one
};

enum class LastLink { followed, itself };

/// A directory is opened as one, so that what is mounted only on demand is mounted then. Anything else is ENOTDIR.
enum class Meant { anything, directory };

/// The errno of a path that leads into such a file system.
inline constexpr int in_the_kernels_files = EREMOTE;

/// What `path` leads to, from `directory` where it is relative: opened with O_PATH, so that nothing of a device or a
/// FIFO happens. None with errno: in_the_kernels_files; ELOOP where the budget is used up; ETIME where the calling
/// thread's time is up (base/time_limit.hpp); else the kernel's own.
UniqueFd open_path_at(int directory, const std::string& path, LastLink last, LinkBudget& budget,
                      Meant meant = Meant::anything);
UniqueFd open_path(const std::string& path, LastLink last = LastLink::followed, Meant meant = Meant::anything);

/// Whether such an errno says that nothing has that name.
bool is_not_there(int problem);

/// Whether such an errno says that there is nothing for this user. Any other (no descriptors, no memory, no time, a
/// disk's error) says nothing of what is there.
bool means_absent(int problem);

/// Whether such an errno says what this process lacks: descriptors, memory, time. Any other that does not mean absence
/// is that file system's: its server has ended, its disk reports an error.
bool is_the_daemons_own(int problem);

/// What open_path() gave, opened with these flags: the very same, whatever its path names by now. None with errno.
UniqueFd open_again(const UniqueFd& path, int flags);

/// The same as a path, for calls that take nothing else. Nobody else has a hand in it.
std::string own_name(const UniqueFd& path);

/// As access(), but with the calling thread's identity for files. False with errno.
bool may_access(const UniqueFd& path, int mode);

}  // namespace capsule
