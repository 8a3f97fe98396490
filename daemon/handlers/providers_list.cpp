// providers.list: the picker.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/provider_notes.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/handlers/session_params.hpp"

namespace capsule {

Handled<ProvidersListResult> handle_providers_list(Services& services, ProvidersListParams params) {
    const auto generation = services.generation;
    const KeyScope scope{params.workspace, params.role};
    // Which scopes there are is known where the keys are.
    const auto checked = keys_are_remote(*generation) ? check_scope(scope.workspace, scope.role)
                                                      : check_scope(services, *generation, scope);
    if (!checked) co_return checked.error();
    const auto agent = find_agent(params.agent);
    if (!agent) co_return agent.error();
    const auto states = co_await ask_key_states(services, generation, scope);
    if (!states) co_return states.error();
    auto list = list_choices(generation->config, *agent, params.role, *states);
    if (keys_are_remote(*generation)) {
        co_await add_remote_notes(services, list, std::move(params));
        co_return list;
    }
    add_provider_notes(list, services, *generation, scope);
    co_await ask_usage_for_later(services, generation);
    co_return list;
}

}  // namespace capsule
