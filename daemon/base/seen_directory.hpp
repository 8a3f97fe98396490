// A directory as it was at a time.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <compare>
#include <optional>

namespace capsule {

/// Differs after a name was added or removed there, or its mode changed.
struct SeenDirectory {
    dev_t device;
    ino_t inode;
    time_t seconds;
    long nanoseconds;

    bool operator==(const SeenDirectory&) const = default;
};

/// Of a directory that nobody else can change. None: it changed a moment ago, so what happens next may leave it looking
/// the same.
std::optional<SeenDirectory> seen_directory(const struct stat& status);

}  // namespace capsule
