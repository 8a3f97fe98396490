// Descriptors that somebody sends along with what is read from a Unix socket. To read the byte that they were sent with
// would end them on the reader's thread, and so would the socket's end; the end of a descriptor may wait. So they are
// looked for first. A look ends none.
#pragma once

#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstddef>
#include <span>

namespace capsule {

/// The error of reading where the next byte has descriptors with it.
inline const boost::system::error_code sends_descriptors{EPERM, boost::system::system_category()};

// From Linux 6.16 on the kernel refuses them to the sender, see take_no_descriptors() of protocol/message_sender.hpp.
// Before, receive_now() is what looks for them, on a socket that urgent_bytes_in_place() was called for.

/// Has a byte that is sent "out of band" read in its place. The kernel would throw that byte away otherwise, and end
/// the descriptors that were sent with it.
void urgent_bytes_in_place(int socket) noexcept;

/// What lies in the socket's buffer, up to the first byte with which descriptors were sent. Never waits. `error` is
/// would_block where there is nothing, eof at the end, sends_descriptors where they are next.
std::size_t receive_now(int socket, std::span<char> room, boost::system::error_code& error);

}  // namespace capsule
