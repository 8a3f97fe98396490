// Reads [providers.<id>] tables into a catalog: the built-in document's into an empty one, an operator's over that.
#pragma once

#include "daemon/catalog/catalog.hpp"
#include "daemon/config/problems.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// `providers` holds one table per provider. A field overrides the one that is there, a cell's fields turn a blocked
/// cell on, a new id adds a provider after the others. Adds the first setting that is wrong in each to `problems`, and
/// gives those providers' ids.
std::vector<std::string> read_providers(TableReader& providers, Catalog& catalog, Problems& problems);

}  // namespace capsule
