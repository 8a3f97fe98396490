// What an agent must know of the session user's home before it renders.
#pragma once

#include "daemon/agents/session.hpp"

namespace capsule {

/// Runs under the session user's identity: call it through the HomeWorker. What cannot be read here the agent cannot
/// read either. Throws Failure with io.error where that is not so: no descriptors, no memory, no time.
HomeFacts read_home_facts(Agent agent, const SessionHome& home);

/// Fails with config.conflict where something in the home would outrank the session that was rendered
/// (AgentDescriptor::check_home). As read_home_facts() in all else.
Result<void> check_home(Agent agent, const Plan& plan);

}  // namespace capsule
