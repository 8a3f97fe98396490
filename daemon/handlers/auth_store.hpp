// What auth.set and auth.unset share.
#pragma once

#include <optional>

#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// params.scope as a KeyScope; invalid_params for a bad name, or a role without its workspace.
Result<KeyScope> auth_scope(const std::optional<AuthScope>& scope);

/// The provider's row as auth.list gives it at that scope.
AuthRow row_at(const Services& services, const Generation& generation, const Provider& provider, const KeyScope& scope);

/// The log's line of a change: who made it, and where.
void log_change(std::string_view event, Caller caller, const Provider& provider, const KeyScope& scope);

}  // namespace capsule
