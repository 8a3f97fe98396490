// [agents.<agent>], and [<agent>] with its models, in capsule.toml and in a role's manifest.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// All throw Failure at the first setting that is wrong. The catalog and [session] must be read.
void read_agents(TableReader& in, Config& config);
void read_models(TableReader& in, const Catalog& catalog, Agent agent, AgentModels& out);

}  // namespace capsule
