#include "protocol/message_sender.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/safe_path.hpp"

namespace capsule {

bool take_no_descriptors(int socket) noexcept {
    constexpr int pass_rights = 83;  // SO_PASSRIGHTS, newer than Debian's headers
    const int no = 0;
    return ::setsockopt(socket, SOL_SOCKET, pass_rights, &no, sizeof no) == 0;
}

void ask_who_sends(int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    // The kernel would throw a byte that is sent "out of band" away, and end the descriptors that came with it.
    ::setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes);
}

Received receive_from_one(int socket, std::span<char> room) {
    iovec part{room.data(), room.size()};
    // The kernel writes who has sent it first. Then there is no room for descriptors.
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> told{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = told.data();
    message.msg_controllen = told.size();
    ssize_t count = ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT);
    if (count < 0) return {0, errno, outsider};
    if (count == 0) return {0, 0, outsider};
    if ((message.msg_flags & MSG_CTRUNC) != 0) return {0, EPERM, outsider};
    ucred sender{0, outsider, 0};
    const cmsghdr* const first = CMSG_FIRSTHDR(&message);
    if (first != nullptr && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_CREDENTIALS)
        std::memcpy(&sender, CMSG_DATA(first), sizeof sender);
    count = ::recv(socket, room.data(), static_cast<std::size_t>(count), MSG_DONTWAIT);
    if (count < 0) return {0, errno, outsider};
    return {static_cast<std::size_t>(count), 0, sender.uid};
}

}  // namespace capsule
