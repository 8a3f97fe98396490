// names.list: what completion offers. Its tier is spawn's, since not everybody may know all workspaces.
#include <set>

#include "daemon/handlers/handlers.hpp"
#include "daemon/keys/known_scopes.hpp"

namespace capsule {

Handled<NamesListResult> handle_names_list(Services& services, NoParams) {
    const auto generation = services.generation;
    NamesListResult result;
    std::set<std::string> models;
    for (const Provider& provider : generation->config.catalog.providers) {
        result.providers.push_back(provider.id);
        for (const Model& model : provider.models)
            models.insert(model.id);
    }
    result.models.assign(models.begin(), models.end());
    const KnownScopes known = known_scopes(generation->config, services.stored);
    result.workspaces.assign(known.workspaces.begin(), known.workspaces.end());
    result.roles.assign(known.roles.begin(), known.roles.end());
    co_return result;
}

}  // namespace capsule
