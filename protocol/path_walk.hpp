// A path, one name after the other, each by the descriptor of what is above it. So a file system that another user
// mounts on the way is seen before its server is asked anything, whenever that is done.
#pragma once

#include <sys/stat.h>

#include <deque>
#include <string>

#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// What that directory has under this name, by O_PATH; none: errno says why. Follows no link. Tries O_DIRECTORY first:
/// only that triggers an automount.
UniqueFd step_to(const UniqueFd& directory, const std::string& name);

class PathWalk {
  public:
    /// Begins at `/`, or where a path that does not begin with that begins.
    explicit PathWalk(const std::string& path);

    /// To the next name of the path, or of the link that the walk has come to. Not after an error, at what is not
    /// believed, or at the end.
    void next();
    bool at_end() const { return names_.empty() && !S_ISLNK(status_.st_mode); }

    /// errno; 0: it was found.
    int error() const { return error_; }
    /// As why_not_believed() says of place(), and where another user has had the walk come to the kernel's own files.
    /// Then nothing else is known of it.
    const std::string& why_not_believed() const { return why_not_believed_; }
    /// What is there, by O_PATH: a directory, a link, or at the end anything.
    UniqueFd& place() { return place_; }
    const struct stat& status() const { return status_; }
    /// Where it is, without the links that were followed.
    const std::string& path() const { return path_; }
    bool is_last_name() const { return names_.empty(); }
    /// path(), and what follows it.
    std::string whole_path() const;

  private:
    void follow();
    void look();

    std::deque<std::string> names_;
    std::string path_;
    UniqueFd place_;
    UniqueFd above_;  ///< in which place() is
    struct stat status_ {};
    std::string why_not_believed_;
    bool is_strangers_ =
        false;  ///< another user may have made what is there, or what is above it, or a link on the way
    int error_ = 0;
    int links_ = 0;
    int walked_ = 0;
};

struct WalkedPlace {
    std::string path;  ///< without links
    UniqueFd place;    ///< by O_PATH
    int error = 0;     ///< errno, where there is none: nothing is there (ENOENT), or the way cannot be looked at
};

/// What `path` leads to. Waits for no other user's process: fails with access.denied where one serves a file system on
/// the way or at its end, or where another user's link or directory leads to the kernel's own files.
Result<WalkedPlace> walk_to(const std::string& path);

}  // namespace capsule
