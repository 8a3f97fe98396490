// What a client's call can fail with: on the way to the daemon, or in the daemon.
#pragma once

#include <boost/system/result.hpp>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

struct ClientError {
    enum class Kind {
        unreachable,  ///< nothing listens on the socket
        denied,       ///< the socket may not be opened
        untrusted,    ///< who answers there is neither root, nor the caller, nor the owner of the socket's directory
        timed_out,    ///< no answer within the time limit; the connection is closed
        broken,       ///< the connection ended before the answer, or what came is no JSON-RPC
        answered,     ///< the daemon answered with this error
    };
    Kind kind = Kind::broken;
    Error error;  ///< says what happened and what to do; its code means something for `answered` only

    bool operator==(const ClientError&) const = default;
};

/// The name in `error.data.code`: the daemon's own ("key.absent"), or "client.unreachable" and the like.
std::string_view name_of(const ClientError& error) noexcept;

template <class T>
using ClientResult = boost::system::result<T, ClientError>;

/// Boost.System calls this for ClientResult<T>::value() on an error: throws Failure.
[[noreturn]] void throw_exception_from_error(const ClientError& error, const boost::source_location& where);

}  // namespace capsule
