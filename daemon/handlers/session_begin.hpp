// How a session that was prepared begins to live.
#pragma once

#include "daemon/handlers/session_pipeline.hpp"
#include "daemon/log/log.hpp"

namespace capsule {

/// As spawn, explain and grant take it: caller, connection or none. Else invalid_params.
Result<void> check_ends_with(const std::optional<std::string>& ends_with);

/// What the answer says of the session. One that carries a token, or that has an end that can be seen, is kept; the
/// token is good when this returns. May add to `warnings`. Fails with io.error.
boost::asio::awaitable<Result<SessionRef>> begin_session(Services& services, Caller caller,
                                                         std::optional<std::string> ends_with,
                                                         const PreparedSession& session,
                                                         std::vector<Warning>& warnings);

}  // namespace capsule
