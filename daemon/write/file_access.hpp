// The small steps below atomic_file: find a file without being led astray, look at it, write a new one beside it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/unique_fd.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// io.error: "cannot <doing> <path>: <errno's text>", and what to do about it.
Error io_error(std::string_view doing, const std::string& path, int error_number);

/// A name in a directory, every link at the end of the path followed. The directory stays open, so that it is the
/// same one in every step, whatever happens to its path.
struct Place {
    std::string directory;
    std::string name;
    bool link = false;        ///< the path that was asked for is a link
    UniqueFd directory_fd;  ///< none: no such directory

    std::string path() const { return directory + "/" + name; }
};

Result<Place> find_place(const std::string& path);

/// Makes the place's directory and those above it with 0700, and opens it.
Result<void> make_directory(Place& place);

struct Snapshot {
    std::string text;
    struct stat status {};
};

/// The regular file `name` of the place's directory; none if there is none. Never follows a link and never waits: a
/// link, a FIFO, a device, a directory, more than `limit` bytes are io.error.
Result<std::optional<Snapshot>> look_at(const Place& place, const std::string& name, std::size_t limit);

/// What a temporary file's name tells the run after a killed one: what was replaced, and by what.
struct Fingerprints {
    std::uint64_t replaced = 0;
    std::uint64_t written = 0;
};
std::uint64_t fingerprint(std::string_view text) noexcept;

/// ".NAME.capsuled-XXXXXX-…", not to be guessed.
std::string temporary_name(const std::string& name, Fingerprints fingerprints);
std::optional<Fingerprints> read_temporary_name(std::string_view entry, const std::string& name);
std::string random_letters();

/// A complete file beside the target, on the disk.
struct NewFile {
    std::string name;
    std::string text;
    UniqueFd fd;
    struct stat status {};
    /// Nobody can open it until its descriptor closes (a write lease): what it says may still be corrected unseen.
    bool leased = false;
};

/// Written, with its mode, and synced; `like` gives the owner where that is possible, `replaced` the fingerprint of
/// what it is to replace. Until it is complete it has the sticky bit, so that a half-written one of a killed run is
/// known as such. Fails with io.error and leaves nothing.
Result<NewFile> write_beside(const Place& place, std::string text, mode_t mode, const Snapshot* like,
                             std::uint64_t replaced);

/// From now on whoever opens the file waits until `fd` is closed (a write lease). False, with errno: somebody has it
/// open (EAGAIN), it is another user's, or the file system has no leases.
bool take_lease(int fd) noexcept;

bool same_file(const struct stat& a, const struct stat& b) noexcept;

}  // namespace capsule
