// The small steps below atomic_file: find a file without being led astray, look at it, write a new one beside it.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/home_visit.hpp"
#include "daemon/write/io_error.hpp"
#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// A name in a directory, every link at the end of the path followed. The directory stays open, so that it is the
/// same one in every step, whatever happens to its path.
struct Place {
    std::string directory;
    std::string name;
    bool link = false;      ///< the path that was asked for is a link
    mode_t mode = 0;        ///< of what has that name; 0: nothing has
    SharedFd directory_fd;  ///< none: no such directory. Only looked for: an O_PATH descriptor
    bool has_lock = true;   ///< no other daemon writes there; else the temporary file has a name of its own

    std::string path() const { return directory + "/" + name; }
};

Result<Place> find_place(const std::string& path);

/// As find_place(), but nothing can be written there: to see whether there is anything to do.
Result<Place> look_for_place(const std::string& path);

/// Makes the place's directory and those above it with 0700, and opens it.
Result<void> make_directory(Place& place);

struct Snapshot {
    std::string text;
    struct stat status {};
    /// Its access list, as the kernel gives it; none: it has none. With one, the group's bits of its mode are not the
    /// group's.
    std::optional<std::string> access_list{};
};

/// The regular file `name` of the place's directory; none if there is none. Never follows a link and never waits: a
/// link, a FIFO, a device, a directory, more than `limit` bytes are io.error.
Result<std::optional<Snapshot>> look_at(const Place& place, const std::string& name, std::size_t limit);

/// The place's own file as look_at() gives it, as it was a moment ago when the place was looked for.
Result<std::optional<Snapshot>> look_at_found(const Place& place, std::size_t limit);

/// Whether something has the temporary file's name.
bool has_leftover(const Place& place);

/// 0 where the calling thread's identity may write in that directory, or make it; else errno.
int why_not_writable(const Place& place);

/// The place that `path` itself names, be it a link; its mode is not looked for.
Result<Place> place_as_named(const std::string& path);

/// The text of the regular file that the place's name leads to; none if there is none. To look into, not to write:
/// links are followed. Otherwise as look_at().
Result<std::optional<std::string>> read_through_links(const Place& place, std::size_t limit);

/// ".NAME.capsuled": one of a kind, so that what a killed run left is found at once. ".NAME.capsuled-PID" without the
/// lock.
std::string temporary_name(const Place& place);

struct NewFile {
    UniqueFd fd;
    struct stat status {};
    /// Of the file that it is to replace: which attributes, as copy_attributes() says it, and which rights of its
    /// group.
    std::string not_copied{};
};

/// The temporary file: written, with its mode and the sticky bit, and synced. Nobody but its owner can read it before
/// it is complete. `like` is of the file that it is to replace: it gives the owner where that is possible, and its
/// access list where its mode stays; where that cannot be had, the file is its owner's alone. If that file still has
/// its name, its user's extended attributes are copied. Fails with io.error, and leaves nothing.
Result<NewFile> write_beside(const Place& place, const std::string& text, mode_t mode, const Snapshot* like);

bool same_file(const struct stat& a, const struct stat& b) noexcept;

}  // namespace capsule
