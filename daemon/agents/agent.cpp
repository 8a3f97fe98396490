#include "daemon/agents/agent.hpp"

#include <algorithm>

namespace capsule {

bool counts_as_native(Agent agent, const Provider& provider) {
    const AgentDescriptor& descriptor = descriptor_of(agent);
    return descriptor.counts_as_native ? descriptor.counts_as_native(provider)
                                       : provider.kind(agent) == CellKind::native;
}

std::optional<ModelConflict> model_conflict(const Catalog& catalog, Agent agent, const Provider& provider,
                                            std::string_view model) {
    const AgentDescriptor& descriptor = descriptor_of(agent);
    if (!descriptor.model_conflict) return std::nullopt;
    return descriptor.model_conflict(catalog, provider, model);
}

std::string model_id(Agent agent, std::string_view model, const Provider& provider) {
    const AgentDescriptor& descriptor = descriptor_of(agent);
    return descriptor.model_id ? descriptor.model_id(model, provider) : std::string(model);
}

OwnCredentials own_credentials(Agent agent, const Config& config, const Provider& provider) {
    const AgentDescriptor& descriptor = descriptor_of(agent);
    if (descriptor.own_credentials) return descriptor.own_credentials(config, provider);
    return {{provider.key_env}, std::nullopt};
}

bool is_account_variable(std::string_view name) {
    return std::ranges::any_of(all_descriptors(), [&](const AgentDescriptor* each) {
        return std::ranges::find(each->account_variables, name) != each->account_variables.end();
    });
}

bool is_option(std::string_view argument, std::string_view name) {
    if (!argument.starts_with(name)) return false;
    const std::string_view rest = argument.substr(name.size());
    return rest.empty() || rest.starts_with('=') || !name.starts_with("--");
}

}  // namespace capsule
