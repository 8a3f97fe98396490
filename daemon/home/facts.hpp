// What an agent must know of the session user's home before it renders.
#pragma once

#include "daemon/agents/session.hpp"

namespace capsule {

/// Runs under the session user's identity: call it through the HomeWorker. What that user has no file of, or may not
/// read, is none for the agent either. What the agent may read and capsuled does not is in HomeFacts::unread. Throws
/// Failure with io.error where nothing can be said of a file: no descriptors, no memory, no time.
HomeFacts read_home_facts(Agent agent, const SessionHome& home);

/// Whether anybody but root and `user` can make `path`, or replace it, at any time. Whose /home of
/// `/home/claude/…` is does not count, only whether it is open; a link below it counts as one that others can change,
/// `path` itself too unless it leads to /dev/null. Runs under that user's identity.
bool others_can_make(const std::string& path, uid_t user);

/// Fails with config.conflict where something in the home would outrank the session that was rendered
/// (AgentDescriptor::check_home), and with io.error where a file that might is left unread. As read_home_facts() in all
/// else.
Result<void> check_home(Agent agent, const Plan& plan, const SessionHome& home);

}  // namespace capsule
