// auth.list: every provider's key, where it comes from, and how to get one.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/handlers/session_params.hpp"
#include "daemon/keys/auth_row.hpp"

namespace capsule {

Handled<AuthListResult> handle_auth_list(Services& services, AuthListParams params) {
    const auto generation = services.generation;
    const KeyScope scope{params.workspace, params.role};
    if (keys_are_remote(*generation)) {
        if (auto named = check_scope(scope.workspace, scope.role); !named) co_return named.error();
        auto rows = co_await remote_rows(services, scope, RemoteLink::patience, RemoteLink::answer_limit);
        if (!rows) co_return rows.error();
        co_return AuthListResult{std::move(*rows)};
    }
    if (auto checked = check_scope(services, *generation, scope); !checked) co_return checked.error();
    const KeyResolver keys = resolver(services, *generation);
    AuthListResult result;
    for (const Provider& provider : generation->config.catalog.providers) {
        AuthRow row = auth_row(provider, keys.find(provider.key_env, scope));
        if (auto warning = other_name_warning(provider, keys, scope)) row.warnings.push_back(std::move(*warning));
        if (auto warning = empty_key_warning(provider, keys, scope)) row.warnings.push_back(std::move(*warning));
        result.rows.push_back(std::move(row));
    }
    co_return result;
}

}  // namespace capsule
