// Reading from a client that may send descriptors along.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <span>

#include "daemon/process/sent_descriptors.hpp"

namespace capsule {

/// Makes the socket non-blocking and ready for receive_now().
void prepare_to_receive(boost::asio::local::stream_protocol::socket& socket);

/// As receive_now(), but waits for something. Others have their turn before it is given, even if it is there already.
boost::asio::awaitable<std::size_t> receive(boost::asio::local::stream_protocol::socket& socket, std::span<char> room,
                                            boost::system::error_code& error);

/// Whether nobody has the other end any more. Not where the client only sends nothing more: it may still read.
bool has_gone(int socket);

}  // namespace capsule
