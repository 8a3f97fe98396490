// An agent, a provider and the overrides become a Route. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/agents/route.hpp"
#include "daemon/catalog/names.hpp"  // is_model_name
#include "daemon/config/config.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct RouteQuery {
    Agent agent{};
    std::string provider;
    std::optional<std::string> model;  ///< the request's
    std::optional<std::string> role;
};

/// Fails with provider.unknown, cell.unsupported, cell.blocked, and invalid_params for a request's model that is
/// another provider's ("zai/glm" on kimi, OpenCode), one of Claude Code's own aliases on another's backend ("sonnet" on
/// zai), or no model name at all.
///
/// A model comes from the first level that names one: request, role's manifest, capsule.toml, catalog. Of an agent with
/// tiers each is looked up so; within one level the tier's own override goes before `model`, which stands for every
/// tier.
Result<Route> route_session(const Config& config, const RouteQuery& query);

/// The agent of that name, or agent.unknown with the nearest one.
Result<Agent> find_agent(std::string_view id);

/// The provider of that name, or provider.unknown with the nearest one.
Result<const Provider*> find_provider(const Catalog& catalog, std::string_view id);

/// cell.unsupported or cell.blocked (with its reason) for a cell that no session can be started on; none for the rest.
std::optional<Error> cell_problem(Agent agent, const Provider& provider);

/// claude × zai as people read it: "Claude on Z.AI".
std::string cell_name(Agent agent, const Provider& provider);

}  // namespace capsule
