// bench_echo SOCKET REPLY_BYTES: the least that a server on Asio can do. Reads, and answers each line with so many
// bytes.
#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <exception>
#include <string>

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr auto result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t most_at_once = 64;

asio::awaitable<void> echo(Protocol::socket socket, const std::string& replies, std::size_t reply_bytes) {
    std::array<char, 16 * 1024> chunk;
    for (;;) {
        const auto [read_error, count] = co_await socket.async_read_some(asio::buffer(chunk), result);
        if (read_error) co_return;
        auto lines = static_cast<std::size_t>(std::count(chunk.data(), chunk.data() + count, '\n'));
        while (lines > 0) {
            const std::size_t now = std::min(lines, most_at_once);
            const auto part = asio::buffer(replies.data(), now * reply_bytes);
            const auto [write_error, written] = co_await asio::async_write(socket, part, result);
            if (write_error) co_return;
            lines -= now;
        }
    }
}

asio::awaitable<void> accept(Protocol::acceptor& acceptor, const std::string& replies, std::size_t reply_bytes) {
    for (;;) {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), echo(std::move(socket), replies, reply_bytes), asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    try {
        const std::size_t reply_bytes = std::stoul(argv[2]);
        std::string replies;
        for (std::size_t i = 0; i < most_at_once; ++i)
            replies += std::string(reply_bytes - 1, 'x') + '\n';
        asio::io_context io(1);
        Protocol::acceptor acceptor(io, Protocol::endpoint(argv[1]));
        asio::co_spawn(io, accept(acceptor, replies, reply_bytes), asio::detached);
        io.run();
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "bench_echo: %s\n", failure.what());
        return 1;
    }
}
