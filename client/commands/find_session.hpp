// Which session a person means: by its id, by one of its processes, or the one that this very process runs in.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "protocol/session_messages.hpp"
#include "protocol/socket_path.hpp"

namespace capsule {

/// The parent of a process; 0: it has none, or cannot be seen.
using ParentOf = std::function<pid_t(pid_t)>;

/// As /proc says.
pid_t parent_process(pid_t pid);

/// The session of that id, or the live one to which a process of that pid belongs. Null: there is none.
const SessionRow* find_session(const std::vector<SessionRow>& sessions, const std::string& id_or_pid,
                               const ParentOf& parent);

/// The live session that process `self` runs in: its environment says so (CAPSULE_AGENT, CAPSULE_PROVIDER), and one of
/// the processes above it is the one that the session ends with. Null: none, or it cannot be told.
const SessionRow* own_session(const std::vector<SessionRow>& sessions, pid_t self, const EnvironmentLookup& env,
                              const ParentOf& parent);

}  // namespace capsule
