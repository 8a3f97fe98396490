// A mistyped workspace or role must not get another one's keys.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "daemon/config/config.hpp"
#include "daemon/keys/key_resolver.hpp"
#include "daemon/keys/stored_keys.hpp"
#include "protocol/common_messages.hpp"

namespace capsule {

struct KnownScopes {
    std::set<std::string, std::less<>> workspaces;
    std::set<std::string, std::less<>> roles;
};

/// Those that capsule.toml, a role's manifest or auth.set name.
KnownScopes known_scopes(const Config& config, const StoredKeys& stored);

/// Fails with scope.unknown and the nearest name where `scope` names a workspace (a role) that neither capsule.toml, a
/// role's manifest nor auth.set knows, and they know another one. Where none is known at all, any name may be given: it
/// changes nothing. [session] unknown_scopes = "allow" lets all names pass.
Result<void> check_known(const Config& config, const StoredKeys& stored, const KeyScope& scope);

/// What is to be said of a `scope` that check_known lets pass and that changes nothing: nothing of that kind is
/// configured, or a role whose keys are a workspace's stands alone.
std::optional<Warning> unused_scope_warning(const Config& config, const StoredKeys& stored, const KeyScope& scope);

}  // namespace capsule
