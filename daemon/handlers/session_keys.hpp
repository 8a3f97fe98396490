// What sessions get from the rest of the daemon: their keys, the broker's settings.
#pragma once

#include <optional>
#include <string>

#include "daemon/handlers/services.hpp"

namespace capsule {

/// Takes back the sessions of an earlier daemon and starts the broker where it is needed. None: no state directory.
void open_sessions(Services& services);

/// Whether sessions with a token are kept in the state directory. Where only grants are given out, none is.
bool keeps_sessions(const Config& config);

/// After another configuration has come into force.
void configure_sessions(Services& services);

}  // namespace capsule
