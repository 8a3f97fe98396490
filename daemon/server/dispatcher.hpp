// One request in, one answer out: finds the method, decides whether the peer may call it, calls its handler.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/access/peer.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/methods.hpp"

namespace capsule {

/// A result as JSON text.
using Handler = boost::asio::awaitable<Result<std::string>> (*)(Services&, Caller, boost::json::value params);

/// The handler of a row of `methods`.
Handler handler_of(const MethodInfo& method);

/// Whether the client may have so many bytes of an answer waiting besides what it has already. `only_tells`: nobody but
/// the client has anything of the answer.
using Room = std::function<Result<void>(std::size_t, bool only_tells)>;

/// Answers one line: the text of the answer without a line end; empty when there is nothing to answer (notifications).
/// What `room` refuses is answered with its error and not done.
boost::asio::awaitable<std::string> answer_line(Services& services, Peer peer, std::string line, Room room);

}  // namespace capsule
