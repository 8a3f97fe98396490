// providers.list: the picker.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_pipeline.hpp"

namespace capsule {

Handled<ProvidersListResult> handle_providers_list(Services& services, ProvidersListParams params) {
    const auto generation = services.generation;
    if (auto scope = check_scope(params.workspace, params.role); !scope) co_return scope.error();
    const auto agent = find_agent(params.agent);
    if (!agent) co_return agent.error();
    co_return list_choices(generation->config, *agent, params.role,
                           key_states(services, *generation, {params.workspace, params.role}));
}

}  // namespace capsule
