// providers.list: the picker.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/provider_notes.hpp"
#include "daemon/handlers/session_pipeline.hpp"

namespace capsule {

Handled<ProvidersListResult> handle_providers_list(Services& services, ProvidersListParams params) {
    const auto generation = services.generation;
    const KeyScope scope{params.workspace, params.role};
    if (auto checked = check_scope(services, *generation, scope); !checked) co_return checked.error();
    const auto agent = find_agent(params.agent);
    if (!agent) co_return agent.error();
    auto list = list_choices(generation->config, *agent, params.role, key_states(services, *generation, scope));
    add_provider_notes(list, services, *generation, scope);
    co_await ask_usage_for_later(services, generation);
    co_return list;
}

}  // namespace capsule
