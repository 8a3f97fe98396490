// What a request for a session may say.
#pragma once

#include <optional>
#include <string>

#include "daemon/handlers/services.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// invalid_params for a member that cannot be meant; whether the names in it are known is not looked at.
Result<void> check_params(const SpawnParams& params);

/// invalid_params for what cannot be a name, scope.unknown for one that nothing configures (check_known).
Result<void> check_scope(const Services& services, const Generation& generation, const KeyScope& scope);

/// Names of workspaces and roles: [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
Result<void> check_scope(const std::optional<std::string>& workspace, const std::optional<std::string>& role);

}  // namespace capsule
