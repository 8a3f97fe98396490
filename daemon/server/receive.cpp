#include "daemon/server/receive.hpp"

#include <poll.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace capsule {
namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

void prepare_to_receive(Socket& socket) {
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    urgent_bytes_in_place(socket.native_handle());
}

asio::awaitable<std::size_t> receive(Socket& socket, std::span<char> room, boost::system::error_code& error) {
    std::size_t count = receive_now(socket.native_handle(), room, error);
    if (error != asio::error::would_block) {
        co_await asio::post(asio::use_awaitable);
        co_return count;
    }
    co_await socket.async_wait(Socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (!error) count = receive_now(socket.native_handle(), room, error);
    if (error == asio::error::would_block) error = {};
    co_return count;
}

bool has_gone(int socket) {
    pollfd end{socket, 0, 0};
    return ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
}

}  // namespace capsule
