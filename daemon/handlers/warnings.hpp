// What an operator should look at, in the words of `status`.
#pragma once

#include <string>
#include <vector>

#include "daemon/agents/agent.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/routing/choices.hpp"
#include "protocol/common_messages.hpp"

namespace capsule {

/// The agents' files in which the configuration would have keys stand as they are.
std::vector<InlineKeys> inline_keys(const Services& services, const Generation& generation);

/// status' warnings: agents that run as the daemon's own user, files with keys that others can read, a failed reload.
/// `inline_keys` are those files that are there.
std::vector<Warning> status_warnings(const Services& services, const Generation& generation,
                                     const std::vector<InlineKeys>& inline_keys);

/// Adds each agent whose configured default provider has no key.
void add_default_warnings(std::vector<Warning>& warnings, const Config& config, const KeyStates& keys);

}  // namespace capsule
