// What of a project an agent takes that was told to take nothing of it.
#pragma once

#include <string>

#include "daemon/agents/agent.hpp"

namespace capsule {

/// config.conflict where the agent is to take nothing of the project at `cwd` (absolute; Plan::project_left_out), and
/// would take something all the same, or another user could have it do so: see AgentDescriptor::unheld. Looks with the
/// calling thread's identity.
Result<void> refuse_unheld_project(const AgentDescriptor& agent, const Plan& plan, const SessionHome& home,
                                   const std::string& cwd, bool has_git);

}  // namespace capsule
