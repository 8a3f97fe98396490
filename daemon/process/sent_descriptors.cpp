#include "daemon/process/sent_descriptors.hpp"

#include <sys/socket.h>

#include <boost/asio/error.hpp>

namespace capsule {

void urgent_bytes_in_place(int socket) noexcept {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes);
}

std::size_t receive_now(int socket, std::span<char> room, boost::system::error_code& error) {
    iovec part{room.data(), room.size()};
    msghdr look{};
    look.msg_iov = &part;
    look.msg_iovlen = 1;
    ssize_t count = ::recvmsg(socket, &look, MSG_PEEK | MSG_DONTWAIT);
    // Without room for descriptors a look says that they were cut off.
    if (count > 0 && (look.msg_flags & MSG_CTRUNC) != 0) {
        error = sends_descriptors;
        return 0;
    }
    if (count > 0) count = ::recv(socket, room.data(), static_cast<std::size_t>(count), MSG_DONTWAIT);
    if (count > 0)
        error = {};
    else if (count == 0)
        error = boost::asio::error::eof;
    else
        error = {errno, boost::system::system_category()};
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace capsule
