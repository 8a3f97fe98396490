#include "daemon/handlers/watched.hpp"

#include "daemon/catalog/variables.hpp"

namespace capsule {

Watched::Watched(Services& services, const Generation& generation)
    : changes_(services.changes), began_(services.changes.revision()) {
    const KeyResolver keys = resolver(services, generation);
    for (const Provider& provider : generation.config.catalog.providers)
        watch(keys.files(provider.key_env));
    watch(keys.files(std::string(claude_oauth_token_variable)));
}

void Watched::watch(const std::vector<std::string>& paths) {
    for (const std::string& path : paths)
        watch(path);
}

}  // namespace capsule
