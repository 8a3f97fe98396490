// What OpenCode takes of a project though it is told to take nothing of it.
#pragma once

#include <array>

#include "daemon/agents/agent.hpp"

namespace capsule {

extern const std::array<UnheldName, 7> opencode_unheld;

}  // namespace capsule
