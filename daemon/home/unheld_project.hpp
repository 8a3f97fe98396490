// What of a project an agent takes that was told to take nothing of it.
#pragma once

#include <string>

#include "daemon/agents/agent.hpp"

namespace capsule {

struct UnheldLook {
    bool has_git = true;  ///< the session has a git, which says where a repository ends
    /// Only what is neither root's nor the session's user's: the project is left out for others alone.
    bool only_strangers = false;
};

/// config.conflict where the agent is to take nothing of the project at `cwd` (absolute; Plan::project_left_out), and
/// would take something all the same: see AgentDescriptor::unheld. Looks with the calling thread's identity.
Result<void> refuse_unheld_project(const AgentDescriptor& agent, const Plan& plan, const SessionHome& home,
                                   const std::string& cwd, const UnheldLook& how);

}  // namespace capsule
