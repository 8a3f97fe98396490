// Reads what a provider's refusals mean: the list `refusals` of [providers.<id>].
#pragma once

#include "daemon/catalog/catalog.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// `in` is the provider's table. A list stands in place of the one that is there. Throws Failure at the first setting
/// that is wrong.
void read_refusals(TableReader& in, Provider& provider);

}  // namespace capsule
