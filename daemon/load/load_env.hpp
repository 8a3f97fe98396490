// [env], [workspaces.<name>.env] and [workspaces.<name>.roles.<role>.env]: keys, and variables of every session.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// Both throw Failure at the first setting that is wrong; no error shows a value. `config.catalog` must be read.
void read_env(TableReader& in, const Catalog& catalog, EnvTable& out);
void read_workspaces(TableReader& in, Config& config);

/// Whether a key stands in one of these tables itself (not a reference to it).
bool holds_keys(const Config& config);

}  // namespace capsule
