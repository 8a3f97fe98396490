// What is known of a provider's plan before anybody asks it, as far as it concerns one key.
#pragma once

#include <vector>

#include "daemon/handlers/services.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/provider_messages.hpp"

namespace capsule {

/// What spawn says of a provider that will probably refuse: provider.limit, usage.exhausted. Never waits.
void add_provider_warnings(std::vector<Warning>& warnings, const Services& services, const Provider& provider,
                           const Secret& key);

/// The same for each choice of a list, by the keys of that scope.
void add_provider_notes(ProvidersListResult& list, const Services& services, const Generation& generation,
                        const KeyScope& scope);

}  // namespace capsule
