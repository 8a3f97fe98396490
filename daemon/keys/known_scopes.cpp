#include "daemon/keys/known_scopes.hpp"

#include "protocol/nearest.hpp"

namespace capsule {
namespace {

using Names = std::set<std::string, std::less<>>;

// Only the nearest name is said: whoever may ask for `status` is not told all workspaces.
Error unknown(const std::string& what, const std::string& name, const Names& known) {
    std::string hint = "A " + what +
                       " is known by its table in capsule.toml, a role's manifest, or `capsulectl auth set`. "
                       "[session] unknown_scopes = \"allow\" lets any name pass.";
    if (const auto near = nearest(name, {known.begin(), known.end()}))
        hint = "Did you mean \"" + std::string(*near) + "\"? " + hint;
    return {ErrorCode::scope_unknown, "there is no " + what + " \"" + name + "\"", std::move(hint)};
}

Result<void> check(const char* what, const std::optional<std::string>& name, const Names& known) {
    if (!name || known.empty() || known.contains(*name)) return {};
    return unknown(what, *name, known);
}

}  // namespace

KnownScopes known_scopes(const Config& config, const StoredKeys& stored) {
    KnownScopes known;
    for (const auto& [name, manifest] : config.roles)
        known.roles.insert(name);
    for (const auto* workspaces : {&config.workspaces, &stored.workspaces()})
        for (const auto& [name, workspace] : *workspaces) {
            known.workspaces.insert(name);
            for (const auto& [role, table] : workspace.roles)
                known.roles.insert(role);
        }
    return known;
}

Result<void> check_known(const Config& config, const StoredKeys& stored, const KeyScope& scope) {
    if (config.session.unknown_scopes == UnknownScopes::allow) return {};
    const KnownScopes known = known_scopes(config, stored);
    if (auto done = check("workspace", scope.workspace, known.workspaces); !done) return done;
    return check("role", scope.role, known.roles);
}

std::optional<Warning> unused_scope_warning(const Config& config, const StoredKeys& stored, const KeyScope& scope) {
    if (config.session.unknown_scopes == UnknownScopes::allow) return std::nullopt;
    const KnownScopes known = known_scopes(config, stored);
    if (scope.workspace && !known.workspaces.contains(*scope.workspace))
        return Warning{"scope.unused", "no workspace is configured, so \"" + *scope.workspace +
                                           "\" changes nothing: the session has the global key"};
    if (!scope.role || config.roles.contains(*scope.role)) return std::nullopt;
    if (!known.roles.contains(*scope.role))
        return Warning{"scope.unused", "no role is configured, so \"" + *scope.role + "\" changes nothing"};
    if (scope.workspace) return std::nullopt;
    return Warning{"scope.unused", "the role \"" + *scope.role +
                                       "\" has only keys, which belong to a workspace: name the workspace too, or the "
                                       "role changes nothing"};
}

}  // namespace capsule
