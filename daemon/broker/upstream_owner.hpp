// Whose server a provider's on this machine is: a key goes to the right user's alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/broker/names.hpp"
#include "daemon/broker/peer_uid.hpp"
#include "daemon/broker/upstream.hpp"

namespace capsule::broker {

/// A server of this machine may be away for a moment, and whoever is a user here can take its port then. Gives what is
/// wrong with who has it; none: nothing, or it is elsewhere.
std::optional<std::string> wrong_owner(WayOut way, const PeerUid::Server& server);

/// The right user's server on this machine comes first: a connect to another user's takes long where its queue is full.
void right_ones_first(std::vector<Address>& places, WayOut way);

}  // namespace capsule::broker
