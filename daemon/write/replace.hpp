// One file put in another's place, with somebody else writing there at the same time.
#pragma once

#include "daemon/write/atomic_file.hpp"
#include "daemon/write/file_access.hpp"

namespace capsule {

/// How often a file that changes under our hands is merged again before that is an error.
inline constexpr int max_rounds = 100;

/// again: the file is not what it was when `base` was read; nothing was done, look anew.
enum class Outcome { done, again };

mode_t mode_for(const Wanted& wanted, const Snapshot* existing) noexcept;

Result<Outcome> create(const Place& place, const Wanted& wanted);

/// Exchanges. When another version than `base` comes out, that is the newer base: it is merged by `transform` and
/// exchanged in turn, while ours, which lacks what the other program just wrote, can be read by nobody (a lease; where
/// the file system has none, it can for some milliseconds). A version that is merged, or that its own program has
/// itself written over, goes; any other is back in its place when this returns, whatever failed.
Result<Outcome> replace(const Place& place, Snapshot base, Wanted wanted, const Transform& transform);

/// Takes the file away, looks at it, and only then deletes it.
Result<Outcome> remove(const Place& place, const Snapshot& base);

}  // namespace capsule
