// auth.list: every provider's key, where it comes from, and how to get one.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_pipeline.hpp"
#include "daemon/keys/auth_row.hpp"

namespace capsule {

Handled<AuthListResult> handle_auth_list(Services& services, AuthListParams params) {
    const auto generation = services.generation;
    if (auto scope = check_scope(params.workspace, params.role); !scope) co_return scope.error();
    const KeyResolver keys = resolver(services, *generation);
    AuthListResult result;
    for (const Provider& provider : generation->config.catalog.providers)
        result.rows.push_back(auth_row(provider, keys.find(provider.key_env, {params.workspace, params.role})));
    co_return result;
}

}  // namespace capsule
