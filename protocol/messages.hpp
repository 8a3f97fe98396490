// One struct per method's params and result, named as on the wire (docs/protocol.md).
//
// A member whose name is a C++ keyword ends in '_' here and without it on the wire. std::optional in a result is
// null on the wire; in params it may be left out.
//
// Each part says which methods it has; who needs one includes that part alone.
#pragma once

#include "protocol/auth_messages.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/metrics_messages.hpp"
#include "protocol/notice_messages.hpp"
#include "protocol/provider_messages.hpp"
#include "protocol/session_messages.hpp"
#include "protocol/spawn_messages.hpp"
#include "protocol/status_messages.hpp"
#include "protocol/usage_messages.hpp"
