// What an operator should look at, in the words of `status`.
#pragma once

#include <string>
#include <vector>

#include "daemon/handlers/services.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// status' warnings: agents that run as the daemon's own user, files with keys that others can read, keys inline in
/// opencode.json, a failed reload.
/// `opencode_json`: whether there is that file.
std::vector<Warning> status_warnings(const Services& services, const Generation& generation, bool opencode_json);

}  // namespace capsule
