// The listening socket's file: its directory, its mode, and whether somebody else is behind it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "protocol/errors.hpp"

namespace capsule {

class ListeningSocket {
  public:
    /// Listens on `path` with mode 0660 and, if given, that group. The directory is made, 0710 and of that group, if it
    /// is missing. One that is a link, or that others own or may write to, is refused, and so is one below a directory
    /// that they could change (see who_else_can_change()); but a daemon that is not root takes a volume of root's that
    /// everybody may write to, such as a Pod's emptyDir, and warns. A socket that somebody answers on is never taken
    /// over (io.error naming the path), one that nobody listens on is.
    static Result<ListeningSocket> open(const std::string& path, const std::optional<std::string>& group);

    /// What open() would fail with, less what another daemon or the disk may do until then. Changes nothing.
    static Result<void> check(const std::string& path);
    /// The same of the group.
    static Result<void> check_group(const std::optional<std::string>& group);

    /// Fails with io.error, naming the path, where somebody accepts connections there.
    static Result<void> check_free(const std::string& path);

    /// A socket that is listening already (systemd's); its file is not ours to remove.
    static ListeningSocket adopt(int descriptor);

    ListeningSocket(ListeningSocket&& other) noexcept;
    ListeningSocket& operator=(ListeningSocket&&) = delete;
    /// Closes, and removes the file if it is still the one that was made here.
    ~ListeningSocket();

    int descriptor() const noexcept { return descriptor_; }
    /// Hands the descriptor over; the file is still removed at the end.
    int release() noexcept;
    /// Not systemd's, which goes on listening.
    bool is_own() const noexcept { return !path_.empty(); }

  private:
    void remove_file() noexcept;
    ListeningSocket() = default;
    int descriptor_ = -1;
    std::string path_;  ///< empty: not ours to remove
    ino_t inode_ = 0;
    dev_t device_ = 0;
};

}  // namespace capsule
