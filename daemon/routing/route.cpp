#include "daemon/routing/route.hpp"

#include <algorithm>
#include <cctype>

#include "daemon/agents/agent.hpp"
#include "daemon/config/checks.hpp"
#include "protocol/nearest.hpp"

namespace capsule {
namespace {

/// What one level (request, role, capsule.toml) says of the routed cell; the highest comes first.
using Levels = std::vector<ModelOverride>;

/// A provider's own override; for a native cell also [<agent>] model, which means the agent's own account.
ModelOverride override_of(const AgentModels& models, const Provider& provider, bool own_account) {
    ModelOverride out;
    if (const auto found = models.providers.find(provider.id); found != models.providers.end()) out = found->second;
    if (own_account && !out.model) out.model = models.model;
    return out;
}

Levels levels_of(const Config& config, const RouteQuery& query, const Provider& provider) {
    const bool own_account = counts_as_native(query.agent, provider);
    Levels levels;
    if (query.model) levels.emplace_back().model = Located<std::string>{*query.model, "request"};
    if (query.role) {
        const auto role = config.roles.find(*query.role);
        if (role != config.roles.end())
            if (const auto models = role->second.agents.find(query.agent); models != role->second.agents.end())
                levels.push_back(override_of(models->second, provider, own_account));
    }
    if (const auto agent = config.agents.find(query.agent); agent != config.agents.end())
        levels.push_back(override_of(agent->second.models, provider, own_account));
    return levels;
}

std::optional<Located<std::string>> first_model(const Levels& levels) {
    for (const ModelOverride& level : levels)
        if (level.model) return level.model;
    return std::nullopt;
}

Located<std::string> first_tier(const Levels& levels, std::string_view tier, const Located<std::string>& otherwise) {
    for (const ModelOverride& level : levels) {
        if (const auto own = level.tiers.find(std::string(tier)); own != level.tiers.end()) return own->second;
        if (level.model) return *level.model;
    }
    return otherwise;
}

/// The main tier's model, and into `tiers` those of the further ones.
std::optional<Located<std::string>> route_tiers(const Levels& levels, std::span<const std::string_view> names,
                                                const Cell& cell, std::map<std::string, Located<std::string>>& tiers) {
    for (const std::string_view name : names.subspan(1))
        tiers[std::string(name)] = first_tier(levels, name, cell.tiers.at(std::string(name)));
    return first_tier(levels, names.front(), cell.model);
}

/// "Claude", "CODEX", "claude-code" and slips of the fingers.
std::optional<std::string_view> agent_meant(std::string_view id) {
    std::string word(id);
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::vector<std::string_view> known;
    for (const AgentFacts& facts : all_agents) {
        if (word.starts_with(facts.id)) return facts.id;
        known.push_back(facts.id);
    }
    return nearest(word, known);
}

/// Why the request's model cannot be meant. Models of the configuration were checked when it was loaded.
std::optional<Error> model_problem(const Config& config, const RouteQuery& query, const Provider& provider) {
    if (!query.model) return std::nullopt;
    if (!is_model_name(*query.model))
        return Error{ErrorCode::invalid_params, "model: " + in_quotes(*query.model) + " cannot be a model's name",
                     model_hint};
    const auto problem = model_conflict(config.catalog, query.agent, provider, *query.model);
    if (!problem) return std::nullopt;
    return Error{ErrorCode::invalid_params, "model: " + problem->message, problem->hint};
}

}  // namespace

Result<Agent> find_agent(std::string_view id) {
    if (const auto agent = agent_named(id)) return *agent;
    std::string hint = the_agents();
    if (const auto near = agent_meant(id))
        hint = "Did you mean \"" + std::string(*near) + "\"? " + hint;
    else
        hint += " A provider is named by --provider.";
    return Error{ErrorCode::agent_unknown, "there is no agent " + in_quotes(id), std::move(hint)};
}

Result<const Provider*> find_provider(const Catalog& catalog, std::string_view id) {
    if (const Provider* provider = catalog.find(id)) return provider;
    std::string list;
    for (const std::string_view known : catalog.ids())
        list += (list.empty() ? "" : ", ") + std::string(known);
    std::string hint = "The providers are " + list + "; [providers.<id>] in capsule.toml adds one.";
    if (const auto near = catalog.meant_by(id)) hint = "Did you mean \"" + std::string(*near) + "\"? " + hint;
    return Error{ErrorCode::provider_unknown, "there is no provider " + in_quotes(id), std::move(hint)};
}

std::string cell_name(Agent agent, const Provider& provider) {
    return std::string(facts_of(agent).label) + " on " + provider.label;
}

std::optional<Error> cell_problem(Agent agent, const Provider& provider) {
    const std::string list = "`capsulectl providers " + std::string(id_of(agent)) + "` lists what it can run on.";
    switch (provider.kind(agent)) {
        case CellKind::unsupported:
            return Error{ErrorCode::cell_unsupported, cell_name(agent, provider) + " is not supported", list};
        case CellKind::blocked:
            return Error{ErrorCode::cell_blocked,
                         cell_name(agent, provider) + " is blocked: " + provider.cell(agent).blocked_reason,
                         list + " When the provider can do it, a [providers." + provider.id + "." +
                             std::string(id_of(agent)) + "] table in capsule.toml turns it on."};
        case CellKind::native:
        case CellKind::routed:
            break;
    }
    return std::nullopt;
}

Result<Route> route_session(const Config& config, const RouteQuery& query) {
    const Result<const Provider*> found = find_provider(config.catalog, query.provider);
    if (!found) return found.error();
    const Provider& provider = **found;
    if (auto problem = cell_problem(query.agent, provider)) return *std::move(problem);
    if (auto problem = model_problem(config, query, provider)) return *std::move(problem);

    const Levels levels = levels_of(config, query, provider);
    Route route;
    route.agent = query.agent;
    route.provider = &provider;
    route.native = provider.kind(query.agent) == CellKind::native;
    if (route.native) {
        route.model = first_model(levels);
        return route;
    }
    const Cell& cell = route.cell();
    if (const auto names = descriptor_of(query.agent).tiers; !names.empty()) {
        route.model = route_tiers(levels, names, cell, route.tiers);
        return route;
    }
    route.model = first_model(levels);
    if (!route.model && !cell.model.value.empty()) route.model = cell.model;
    if (route.model) route.model->value = model_id(query.agent, route.model->value, provider);
    return route;
}

}  // namespace capsule
