// Asks a provider what is left of a plan.
#pragma once

#include "daemon/broker/control.hpp"
#include "daemon/broker/upstream.hpp"

namespace capsule::broker {

/// One request over a connection of its own, answered within some seconds. What goes wrong is the answer's `error`.
Task<UsageAnswer> ask_usage(WayOut way, AskUsage question);

}  // namespace capsule::broker
