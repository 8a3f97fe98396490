// Reading from a client that may send descriptors along. To read the byte that they were sent with would end them on
// this thread, and the end of a descriptor may wait: they are looked for first. A look ends none.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <span>

namespace capsule {

/// The error of reading from a client whose next byte has descriptors with it.
inline const boost::system::error_code sends_descriptors{EPERM, boost::system::system_category()};

/// Makes the socket non-blocking, and has a byte that is sent "out of band" read in its place. The kernel would throw
/// that byte away otherwise, and end the descriptors that were sent with it.
void prepare_to_receive(boost::asio::local::stream_protocol::socket& socket);

/// What lies in the socket's buffer, up to the first byte with which descriptors were sent. `error` is would_block
/// where there is nothing, eof at the end, sends_descriptors where they are next.
std::size_t receive_now(boost::asio::local::stream_protocol::socket& socket, std::span<char> room,
                        boost::system::error_code& error);

/// The same, but waits for something. Others have their turn before it is given, even if it is there already.
boost::asio::awaitable<std::size_t> receive(boost::asio::local::stream_protocol::socket& socket, std::span<char> room,
                                            boost::system::error_code& error);

/// Whether nobody has the other end any more. Not where the client only sends nothing more: it may still read.
bool has_gone(boost::asio::local::stream_protocol::socket& socket);

}  // namespace capsule
