// The agents' descriptors, one line for each.
#pragma once

#include "daemon/agents/agent.hpp"

namespace capsule {

extern const AgentDescriptor claude_agent;
extern const AgentDescriptor codex_agent;
extern const AgentDescriptor opencode_agent;

}  // namespace capsule
