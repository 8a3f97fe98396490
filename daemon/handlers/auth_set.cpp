// auth.set: stores a provider's key at a scope; the very next request sees it.
#include <algorithm>

#include "daemon/base/reference.hpp"
#include "daemon/handlers/auth_store.hpp"
#include "daemon/handlers/handlers.hpp"
#include "daemon/routing/route.hpp"

namespace capsule {
namespace {

Result<void> check_value(const std::string& value) {
    // What could never be sent as a key must not replace one that works.
    const auto is_bad = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte >= 0x7f;
    };
    if (value.empty())
        return Error{ErrorCode::invalid_params, "params.value: the key is empty",
                     "pass the key; auth.unset removes one"};
    if (std::any_of(value.begin(), value.end(), is_bad))
        return Error{ErrorCode::invalid_params,
                     "params.value: the key has white space, control or other characters that no key has",
                     "copy the key alone, without line ends or quotes"};
    if (is_op_reference(value) && !is_well_formed_op_reference(value))
        return Error{ErrorCode::invalid_params, "params.value: no valid op:// reference",
                     "write it as op://vault/item/field, or op://vault/item/section/field"};
    return {};
}

}  // namespace

Handled<AuthRow> handle_auth_set(Services& services, Caller caller, AuthSetParams params) {
    const auto generation = services.generation;
    const auto provider = find_provider(generation->config.catalog, params.provider);
    if (!provider) co_return provider.error();
    if (auto checked = check_value(params.value); !checked) co_return checked.error();
    const auto scope = auth_scope(params.scope);
    if (!scope) co_return scope.error();
    const auto stored = services.stored.set((*provider)->key_env, *scope, Secret(params.value));
    if (!stored) co_return stored.error();
    co_await services.sessions.refresh_keys();
    log_change("auth.set", caller, **provider, *scope);
    co_return row_at(services, *generation, **provider, *scope);
}

}  // namespace capsule
