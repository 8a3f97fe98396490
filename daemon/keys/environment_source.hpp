// Keys in the daemon's own environment.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// None when the variable is not set, or is empty.
std::optional<KeyFinding> environment_source(const std::map<std::string, Secret>& environment,
                                             const std::string& variable);

}  // namespace capsule
