// A file old or new, whole, whatever happens; and nobody else's bytes lost.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

enum class FileChange { created, updated, unchanged, removed };
std::string_view name_of(FileChange change);

/// What a file should become.
struct Wanted {
    std::optional<std::string> text;  ///< none: no file
    bool private_mode = false;        ///< force 0600 (it holds a key); else the mode stays, 0644 when created
};

/// From the file's present text (none: no file) to what is wanted. Called again when somebody else wrote meanwhile.
using Transform = std::function<Result<Wanted>(const std::optional<std::string>&)>;

struct Updated {
    FileChange change = FileChange::unchanged;
    mode_t mode = 0;    ///< of the file as it is now; 0 when there is none
    bool link = false;  ///< the path is a symbolic link, which stays one: its target was read and written
    /// Of update_file(): the file had another name (a hard link), under which the old one is still there.
    bool had_another_name = false;
    /// Of update_file(): which extended attributes of the old file the new one lacks, and why, in words.
    std::string not_copied{};
};

/// At most so many bytes of a file are read; a larger one is io.error.
inline constexpr std::size_t max_file_bytes = 16 * 1024 * 1024;

/// How often a file that changes under our hands is merged again before that is an error.
inline constexpr int max_rounds = 20;

/// Reads `path`, calls `transform`, and puts its text there if that differs: temporary file beside the target, fsync,
/// rename or exchange, fsync of the directory. The new file has the mode of the old one, its owner, its access list and
/// its extended attributes (user.*), as far as that is possible. Missing directories are made with 0700. A file that
/// another program replaced between the reading and the exchange is merged again: nothing of it is lost. A program that
/// has it open to write is waited for (max_rounds times 10 ms). Where that cannot be known (a file system of the
/// network, another user's file), what it writes into the old file can be lost. This process' threads take turns in a
/// directory; one that cannot have its turn within two seconds fails. Other daemons' turns are waited for for 100 ms.
/// Fails as `transform` does, and with io.error (with the cure: a bind mount, a full disk, no permission, no regular
/// file). Acts with the calling thread's identity.
Result<Updated> update_file(const std::string& path, const Transform& transform);

/// The error of a file that another program writes to all the time.
Error keeps_changing(const std::string& path);

/// Saves `text`, that of a file which is about to be replaced, as NAME.before-capsuled beside it, or as .2 to .5 where
/// that is taken; gives the path of that. The copy is its owner's alone (0600). A second name of the file itself would
/// follow what is written into it meanwhile. Nothing (an empty path) where the directory is gone. Fails with io.error,
/// also where all these names are taken.
Result<std::string> keep_beside(const std::string& path, const std::string& text);
inline constexpr const char* kept_ending = ".before-capsuled";
inline constexpr int most_kept = 5;

/// What keep_beside() would give. Changes nothing.
Result<std::string> where_it_would_be_kept(const std::string& path, const std::string& text);

/// As update_file, but nothing is written: what would be done. Fails where the directory cannot be written to.
Result<Updated> preview_file(const std::string& path, const Transform& transform);

/// The text of a regular file, none if there is none. A FIFO, a device, a directory, or more than `limit` bytes:
/// io.error.
Result<std::optional<std::string>> read_file(const std::string& path, std::size_t limit = max_file_bytes);

}  // namespace capsule
