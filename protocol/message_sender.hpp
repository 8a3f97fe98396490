// Who sends what is read from a Unix socket, message by message. SO_PEERCRED tells of another: whoever called listen().
// Where systemd made a daemon's socket that is root, whoever has it now.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

namespace capsule {

/// Descriptors that somebody sends to this socket, or to what it accepts from now on, the kernel refuses to the sender.
/// False: it does not, as before Linux 6.16.
bool take_no_descriptors(int socket) noexcept;

/// From now on the kernel says it of what is sent to this connected socket. Of what was sent before, the sender is
/// `outsider` (safe_path.hpp). (Not before connect(): the kernel would give the socket one of the names that users
/// share.)
void ask_who_sends(int socket);

struct Received {
    std::size_t count = 0;
    int error = 0;  ///< errno; 0 without a byte: the end
    uid_t sender = 0;
};

/// What lies in the buffer of a socket that ask_who_sends() was called for, of one sender. Never waits (EAGAIN).
/// EPERM where descriptors come with it, which are not taken: to read that byte would end them here, and the end of one
/// may wait.
Received receive_from_one(int socket, std::span<char> room);

}  // namespace capsule
