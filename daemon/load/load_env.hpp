// [env], [workspaces.<name>.env] and [workspaces.<name>.roles.<role>.env]: keys, and variables of every session.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/problems.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// No error shows a value. `config.catalog` must be read. Throws Failure at the first setting that is wrong.
void read_env(TableReader& in, const Catalog& catalog, EnvTable& out);
/// The same; adds what is wrong to `problems`, one of each workspace.
void read_workspaces(TableReader& in, Config& config, Problems& problems);

/// Whether a key stands in one of these tables itself (not a reference to it), or what its name or its value says is a
/// secret in the table of a workspace, a role or a provider's route, whose sessions alone have it. A password of
/// [broker] proxy counts, too. `--key-files` asks this: it names the files that no session may read.
bool holds_keys(const Config& config);
/// The same, with secrets of [env]. Every session has those, but no other user of the machine.
bool holds_secrets(const Config& config);

}  // namespace capsule
