// The password and group files: who the daemon is, and whose home a session has.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/agents/session.hpp"
#include "daemon/base/secret.hpp"
#include "daemon/config/config.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct PasswordEntry {
    SessionUser user;
    std::string home;
    std::string shell;
};

/// none: no such user. Without the supplementary groups.
std::optional<PasswordEntry> find_user(const std::string& name);
std::optional<PasswordEntry> find_user(uid_t uid);

/// Whether a login shell runs an agent's commands: an ordinary shell, or one of /etc/shells that is not known to be
/// something else (nologin, git-shell, sync, a restricted shell). Where another user could put something else at that
/// path its name decides.
bool runs_commands(const std::string& shell, const std::string& list_of_shells = "/etc/shells");

/// The uid of a user, the gid of a group: by name, else "1000" as the number itself, which needs no entry in the
/// password or group file. none: no such name, and no number.
std::optional<uid_t> find_uid(const std::string& name);
std::optional<gid_t> find_group(const std::string& name);

/// "agent", or the number where /etc/passwd has no name. Asks no other service (nsswitch.conf): systemd's looks into
/// /run for each number without an entry, which any user can make take long, and one of a network may be away.
std::string user_name(uid_t uid);

/// Whose session it is and where its files are: [session], else the daemon's own user and environment. Fails with
/// config.conflict: an unknown user, the one whom unknown users look like, another user without being root or in a user
/// namespace that does not have it, no home, a home of `/`, a home of somebody else's that the daemon's own user cannot
/// write to where sessions are that user's.
Result<SessionHome> session_home(const Config& config, const std::map<std::string, Secret>& environment);

}  // namespace capsule
