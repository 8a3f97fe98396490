// The names in a directory.
#pragma once

#include <dirent.h>
#include <fcntl.h>

#include <memory>
#include <utility>

#include "protocol/unique_fd.hpp"

namespace capsule {

struct CloseListing {
    void operator()(DIR* listing) const { ::closedir(listing); }
};

/// What ::readdir() takes. None: the directory cannot be listed, and errno says why.
using DirectoryListing = std::unique_ptr<DIR, CloseListing>;

/// Lists `directory`, which is open for reading.
inline DirectoryListing list_directory(UniqueFd directory) {
    DirectoryListing listing(directory ? ::fdopendir(directory.get()) : nullptr);
    if (listing) directory.release();
    return listing;
}

/// Lists `directory`, which may be open for its name alone (O_PATH). Of none (-1) errno stays as it is.
inline DirectoryListing list_directory_at(int directory) {
    if (directory < 0) return nullptr;
    return list_directory(UniqueFd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
}

}  // namespace capsule
