// [<agent>] in capsule.toml, and its models in a role's manifest.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// All throw Failure at the first setting that is wrong. The catalog and [session] must be read.
void read_agent(TableReader& in, Agent agent, Config& config);
/// [agents.<agent>] is how these tables were called before.
[[noreturn]] void refuse_agents_table(TableReader& in);
void read_models(TableReader& in, const Catalog& catalog, Agent agent, AgentModels& out);

}  // namespace capsule
