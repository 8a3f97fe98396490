#include "daemon/server/receive.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

namespace capsule {
namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

void prepare_to_receive(Socket& socket) {
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(Socket::out_of_band_inline(true), ignored);
}

std::size_t receive_now(Socket& socket, std::span<char> room, boost::system::error_code& error) {
    iovec part{room.data(), room.size()};
    msghdr look{};
    look.msg_iov = &part;
    look.msg_iovlen = 1;
    const ssize_t seen = ::recvmsg(socket.native_handle(), &look, MSG_PEEK | MSG_DONTWAIT);
    // Without room for descriptors a look says that they were cut off.
    if (seen > 0 && (look.msg_flags & MSG_CTRUNC) == 0)
        return socket.read_some(asio::buffer(room.data(), static_cast<std::size_t>(seen)), error);
    if (seen > 0)
        error = sends_descriptors;
    else if (seen == 0)
        error = asio::error::eof;
    else
        error = {errno, boost::system::system_category()};
    return 0;
}

asio::awaitable<std::size_t> receive(Socket& socket, std::span<char> room, boost::system::error_code& error) {
    std::size_t count = receive_now(socket, room, error);
    if (error != asio::error::would_block) {
        co_await asio::post(asio::use_awaitable);
        co_return count;
    }
    co_await socket.async_wait(Socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (!error) count = receive_now(socket, room, error);
    if (error == asio::error::would_block) error = {};
    co_return count;
}

bool has_gone(asio::local::stream_protocol::socket& socket) {
    pollfd end{socket.native_handle(), 0, 0};
    return ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
}

}  // namespace capsule
