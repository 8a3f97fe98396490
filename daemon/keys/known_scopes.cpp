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

}  // namespace capsule
