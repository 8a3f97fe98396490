// auth.unset: forgets what auth.set stored at that scope; other sources stay.
#include <string>
#include <vector>

#include "daemon/handlers/auth_store.hpp"
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/routing/route.hpp"

namespace capsule {
namespace {

/// Where auth.set has stored that variable, as `capsulectl auth unset` takes it; at most three.
std::string stored_at(const StoredKeys& stored, const std::string& variable) {
    constexpr std::size_t most = 3;
    std::vector<std::string> scopes;
    if (const EnvTable* global = stored.table({}); global && global->contains(variable))
        scopes.emplace_back("no workspace");
    for (const auto& [name, workspace] : stored.workspaces()) {
        if (workspace.env.contains(variable)) scopes.push_back("--workspace " + name);
        for (const auto& [role, table] : workspace.roles)
            if (table.contains(variable)) scopes.push_back("--workspace " + name + " --role " + role);
    }
    std::string out;
    for (std::size_t i = 0; i < scopes.size() && i < most; ++i)
        out += (i == 0 ? "" : ", ") + scopes[i];
    return out + (scopes.size() > most ? ", …" : "");
}

}  // namespace

Handled<AuthRow> handle_auth_unset(Services& services, Caller caller, AuthUnsetParams params) {
    const auto generation = services.generation;
    if (auto keeps = check_keeps_keys(*generation); !keeps) co_return keeps.error();
    const auto provider = find_provider(generation->config.catalog, params.provider);
    if (!provider) co_return provider.error();
    const auto scope = auth_scope(params.scope);
    if (!scope) co_return scope.error();
    if (auto locked = services.state->lock(); !locked) co_return locked.error();
    const KeyHolders holders(services, *generation, **provider);
    const auto outcome = services.stored.unset((*provider)->key_env, *scope);
    if (!outcome) co_return outcome.error();
    co_await services.sessions.refresh_keys();
    AuthRow row = row_at(services, *generation, **provider, *scope);
    if (*outcome == StoredKeys::Unset::was_not_set) {
        // Removing what is not there is done already, but a typing error in the scope would look the same.
        const std::string elsewhere = stored_at(services.stored, (*provider)->key_env);
        Warning nothing{"auth.not_stored", "nothing was stored at this scope" +
                                               (elsewhere.empty() ? "" : "; a key is stored with " + elsewhere)};
        row.warnings.push_back(std::move(nothing));
    }
    holders.add_warnings(row.warnings, services, *generation);
    log_change("auth.unset", caller, **provider, *scope);
    co_return row;
}

}  // namespace capsule
