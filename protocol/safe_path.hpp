// Who could put something else at a path. Daemon and client ask it of the socket's directory.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace capsule {

/// A directory on the way to a path that somebody else could change.
struct UnsafePlace {
    std::string directory;
    std::string reason;            ///< such as "its group may write there"
    std::optional<uid_t> owner{};  ///< the user whose it is, where that is the reason
    bool is_missing = false;       ///< the next one on the way is not there, and others could make it

    bool operator==(const UnsafePlace&) const = default;
};

/// Whom a user namespace does not have shows as this user (the kernel's overflowuid).
constexpr uid_t outsider = 65534;

/// Whether `/` belongs to a user that this process's user namespace does not have.
bool root_is_outside();

/// Looks at the directory `path`, which is absolute, and at each one on the way to it, through links. Gives the first
/// that a user who is neither root nor one of `trusted` owns, or that group or others may write to; the latter is fine
/// above the last one where the sticky bit keeps them from what is not theirs (/tmp). An access list counts as its
/// mask, which is what the group's bits then show. A directory that cannot be looked at is unsafe, too. One that is not
/// there yet ends the look: what is above it was fine, except where the sticky bit lets others make it. In a user
/// namespace that does not have the owner of `/`, users outside of it cannot be told from the machine's root: above the
/// last directory, they count as root.
std::optional<UnsafePlace> who_else_can_change(const std::string& path, const std::vector<uid_t>& trusted);

}  // namespace capsule
