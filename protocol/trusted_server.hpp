// Who listens at a daemon's socket, asked before anything is sent there or believed. Clients ask it, and a daemon of
// the one that has its keys.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/errors.hpp"

namespace capsule {

/// Connects the Unix socket `descriptor` to the one at `path`: 0, or errno (ENOTSOCK: something else is there). No
/// process that serves a file system on the way there is waited for. Fails with access.denied where another user's does
/// serve one.
Result<int> connect_to(int descriptor, const std::string& path);

/// The user at the other end of the connected Unix socket `descriptor`, which was found at `path`: root, this process's
/// own user, or the owner of the socket's directory where nobody else may write to it or to those above it. Anybody may
/// have put a socket at a path that somebody else's variable or option names. Fails with access.denied; with io.error
/// where the kernel does not tell.
Result<uid_t> trusted_server(int descriptor, const std::string& path);

}  // namespace capsule
