// A descriptor that is sent over a Unix socket.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace capsule::test {

/// Sends a byte with `descriptor` to `socket`, with those flags of send(2): 0, or errno.
inline int send_with_descriptor(int socket, int descriptor, int flags = 0) {
    char byte = 'x';
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return ::sendmsg(socket, &message, flags) == 1 ? 0 : errno;
}

}  // namespace capsule::test
