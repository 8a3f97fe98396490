// Who listens at a daemon's socket, asked before anything is sent there or believed. Clients ask it, and a daemon of
// the one that has its keys.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "protocol/errors.hpp"

namespace capsule {

/// Connects the Unix socket `descriptor` to the one at `path`: 0, or errno (ENOTSOCK: something else is there). No
/// process that serves a file system on the way there is waited for. From Linux 6.16 on it takes no descriptors. Fails
/// with access.denied where another user's does serve one.
Result<int> connect_to(int descriptor, const std::string& path);

/// The user at the other end of a connection: root, this process's own user, or the owner of the socket's directory
/// where nobody else may write to it or to those above it. Anybody may have put a socket at a path that somebody else's
/// variable or option names, and may have got one that root made, as systemd does for services. Where root made it in a
/// directory that nobody else can change, that is whom root has made it for.
class TrustedServer {
  public:
    /// Of the connected Unix socket `descriptor`, which was found at `path`: whoever made it listen, so far. Fails with
    /// access.denied; with io.error where the kernel does not tell.
    static Result<TrustedServer> of(int descriptor, std::string path);

    /// Each time that something was read: by whom it was sent (message_sender.hpp). Fails with access.denied.
    Result<void> has_sent(uid_t sender);

    uid_t uid() const noexcept { return uid_; }
    /// Whether it has sent something. Before, nothing is to be sent there that is not for everybody, and nothing that
    /// was read is to be believed: who sends it at once, before the kernel is asked, is not known.
    bool is_known() const noexcept { return known_; }

  private:
    TrustedServer(std::string path, uid_t uid) : path_(std::move(path)), uid_(uid) {}

    std::string path_;
    uid_t uid_;
    bool known_ = false;
    bool unknown_has_sent_ = false;
};

}  // namespace capsule
