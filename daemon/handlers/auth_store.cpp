#include "daemon/handlers/auth_store.hpp"

#include "daemon/handlers/session_params.hpp"
#include "daemon/keys/auth_row.hpp"

namespace capsule {

Result<KeyScope> auth_scope(const std::optional<AuthScope>& scope) {
    if (!scope) return KeyScope{};
    if (auto checked = check_scope(scope->workspace, scope->role); !checked) return checked.error();
    if (scope->role && !scope->workspace)
        return Error{ErrorCode::invalid_params, "params.scope: a role without its workspace",
                     "name the workspace too: keys belong to a role within a workspace"};
    return KeyScope{scope->workspace, scope->role};
}

AuthRow row_at(const Services& services, const Generation& generation, const Provider& provider,
               const KeyScope& scope) {
    return auth_row(provider, resolver(services, generation).find(provider.key_env, scope));
}

void log_change(std::string_view event, Caller caller, const Provider& provider, const KeyScope& scope) {
    const auto name = [](const std::optional<std::string>& part) -> std::string_view {
        return part ? std::string_view(*part) : "-";
    };
    log_info(event, {{"uid", std::int64_t{caller.uid}},
                     {"pid", std::int64_t{caller.pid}},
                     {"provider", provider.id},
                     {"workspace", name(scope.workspace)},
                     {"role", name(scope.role)}});
}

}  // namespace capsule
