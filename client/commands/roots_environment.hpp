// What a session of root's has of its launcher's environment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Where this process is root and the session is root's: takes out of the session's `env` what leads to what another
/// user could change (`sudo -E`): each such directory of PATH, and variables such as EDITOR, XDG_CACHE_HOME and
/// SSL_CERT_FILE. Gives warnings that say so.
std::vector<Warning> leave_out_what_others_change(std::map<std::string, std::string>& env, const SessionUser& user);

}  // namespace capsule
