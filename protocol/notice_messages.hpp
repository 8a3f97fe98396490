// subscribe, and what is sent then.
#pragma once

#include <boost/describe/class.hpp>
#include <string>
#include <vector>

#include "protocol/session_messages.hpp"
#include "protocol/status_messages.hpp"

namespace capsule {

struct SubscribeResult {
    std::vector<std::string> notifications;  ///< the methods of what this connection is sent from now on
};
BOOST_DESCRIBE_STRUCT(SubscribeResult, (), (notifications))

/// session.started, session.ended, session.limit.
struct SessionNotice {
    SessionRow session;
};
BOOST_DESCRIBE_STRUCT(SessionNotice, (), (session))

/// config.reloaded.
struct ConfigNotice {
    ConfigStatus config;  ///< `ok` false: it could not be loaded, and the older one is in force
};
BOOST_DESCRIBE_STRUCT(ConfigNotice, (), (config))

}  // namespace capsule
