// Reads what is known of a provider's models: [providers.<id>.models."<model>"].
#pragma once

#include "daemon/catalog/catalog.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// `in` is the provider's table. Its `models` is either a list of names or one table per model; a field overrides the
/// one that is there. Throws Failure at the first setting that is wrong.
void read_models(TableReader& in, Provider& provider);

}  // namespace capsule
