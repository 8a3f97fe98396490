// A mistyped workspace or role must not get another one's keys.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "daemon/config/config.hpp"
#include "daemon/keys/key_resolver.hpp"
#include "daemon/keys/stored_keys.hpp"

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

}  // namespace capsule
