// What auth.set and auth.unset share.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "protocol/auth_messages.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/session_messages.hpp"

namespace capsule {

/// params.scope as a KeyScope; invalid_params for a bad name, or a role without its workspace.
Result<KeyScope> auth_scope(const std::optional<AuthScope>& scope);

/// The provider's row as auth.list gives it at that scope.
AuthRow row_at(const Services& services, const Generation& generation, const Provider& provider, const KeyScope& scope);

/// The log's line of a change: who made it, and where.
void log_change(std::string_view event, Caller caller, const Provider& provider, const KeyScope& scope);

/// The live sessions of a provider, each with the key that a new session like it would get. Taken before a change, it
/// says afterwards which of them keep the old key, and which have the new one.
class KeyHolders {
  public:
    KeyHolders(const Services& services, const Generation& generation, const Provider& provider);
    /// Of those whose key is another one by now (session.old_key, session.new_key, session.no_key).
    void add_warnings(std::vector<Warning>& warnings, const Services& services, const Generation& generation) const;

  private:
    std::string variable_;
    std::vector<std::pair<ListedSession, KeyFinding>> holders_;
};

}  // namespace capsule
