// What of a project an agent takes that was told to take nothing of it.
#pragma once

#include <string>
#include <vector>

#include "daemon/agents/agent.hpp"

namespace capsule {

enum class UnheldOf {
    anybody,
    strangers,  ///< neither root's nor the session's user's: the project is left out for others alone
};

/// config.conflict where the agent is to take nothing of the project at `cwd` (absolute; Plan::project_left_out), and
/// would take something all the same that is `whose`: see AgentDescriptor::unheld. Looks with the calling thread's
/// identity.
Result<void> refuse_unheld_project(const AgentDescriptor& agent, const Plan& plan, const SessionHome& home,
                                   const std::string& cwd, UnheldOf whose);

/// What of those names a session at `cwd` takes that takes its project's settings, too, and that the survey of settings
/// does not know of. Looks with the calling thread's identity.
std::vector<FoundSetting> find_unheld(const AgentDescriptor& agent, const SessionHome& home, const std::string& cwd);

}  // namespace capsule
