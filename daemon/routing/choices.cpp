#include "daemon/routing/choices.hpp"

#include <algorithm>
#include <vector>

#include "daemon/agents/agent.hpp"
#include "daemon/routing/route.hpp"

namespace capsule {
namespace {

bool available(Agent agent, const Provider& provider, const KeyStates& keys) {
    switch (provider.kind(agent)) {
        case CellKind::native:
            return true;
        case CellKind::routed:
            return usable(keys(provider));
        case CellKind::unsupported:
        case CellKind::blocked:
            break;
    }
    return false;
}

/// In the catalog's order, what counts as native first.
std::vector<const Provider*> available_providers(const Config& config, Agent agent, const KeyStates& keys) {
    std::vector<const Provider*> out;
    for (const Provider& provider : config.catalog.providers)
        if (available(agent, provider, keys)) out.push_back(&provider);
    std::stable_partition(out.begin(), out.end(), [&](const Provider* p) { return counts_as_native(agent, *p); });
    return out;
}

bool only_native(Agent agent, const std::vector<const Provider*>& providers) {
    return providers.size() == 1 && counts_as_native(agent, *providers.front());
}

std::string tab_label(Agent agent, const Provider& provider, const std::vector<const Provider*>& choices) {
    const std::string label(facts_of(agent).label);
    if (only_native(agent, choices) && choices.front() == &provider) return label;
    return label + " (" + provider.label + ")";
}

Unavailable unavailable(Agent agent, const Provider& provider, const KeyStates& keys) {
    std::optional<Error> why = cell_problem(agent, provider);
    if (!why) {
        const KeyState state = keys(provider);
        why =
            state == KeyState::error
                ? Error{ErrorCode::key_error, "the key of " + provider.label + " cannot be read; see `capsulectl auth`"}
                : key_absent(provider, state);
    }
    return {provider.id, provider.label, std::string(name_of(why->code)), why->message};
}

/// No provider of this agent has a key.
Error none_available(const Config& config, Agent agent) {
    std::string labels;
    std::string variables;
    const Provider* first = nullptr;
    for (const Provider& provider : config.catalog.providers) {
        if (provider.kind(agent) != CellKind::routed) continue;
        if (!first) first = &provider;
        labels += (labels.empty() ? "" : ", ") + provider.label;
        variables += (variables.empty() ? "" : ", ") + provider.key_env;
    }
    std::string message = "no provider of " + std::string(facts_of(agent).label) + " has a usable key";
    if (!first) return {ErrorCode::key_absent, std::move(message), "No provider in the catalog can serve it."};
    return {
        ErrorCode::key_absent, message + " (" + labels + ")",
        "Run `capsulectl auth` to see where to get one, then " + how_to_set(*first) + " (any of " + variables + ")."};
}

Result<std::string> configured_default(const Config& config, Agent agent, const std::string& id,
                                       const KeyStates& keys) {
    const Result<const Provider*> provider = find_provider(config.catalog, id);
    if (!provider) return provider.error();
    if (auto problem = cell_problem(agent, **provider)) return *std::move(problem);
    if ((*provider)->kind(agent) == CellKind::native) return id;
    const KeyState state = keys(**provider);
    // A key that cannot be read fails when it is resolved, with its source's own message.
    if (usable(state) || state == KeyState::error) return id;
    Error error = key_absent(**provider, state);
    error.message = "the default provider of " + std::string(facts_of(agent).label) + " is " + (*provider)->label +
                    ", and " + error.message;
    return error;
}

Because because_asked(const std::optional<std::string>& chosen_by) {
    if (chosen_by == chosen_by::flag) return {*chosen_by, "--provider asked for it"};
    if (chosen_by == chosen_by::picker) return {*chosen_by, "it was chosen from the list"};
    return {"request", "the launcher asked for it"};
}

}  // namespace

std::string_view cell_state(const Provider& provider, Agent agent, KeyState key) {
    switch (provider.kind(agent)) {
        case CellKind::native:
            return "native";
        case CellKind::routed:
            return usable(key) ? "ready" : "no_key";
        case CellKind::blocked:
            return "blocked";
        case CellKind::unsupported:
            break;
    }
    return "unsupported";
}

ProvidersListResult list_choices(const Config& config, Agent agent, const std::optional<std::string>& role,
                                 const KeyStates& keys) {
    ProvidersListResult result;
    result.agent = id_of(agent);
    const std::vector<const Provider*> choices = available_providers(config, agent, keys);
    // Where the native account is the only choice, the list is empty: launchers then show no picker.
    if (!only_native(agent, choices)) {
        for (const Provider* provider : choices) {
            Choice choice{provider->id,
                          provider->label,
                          tab_label(agent, *provider, choices),
                          counts_as_native(agent, *provider),
                          {},
                          {},
                          {}};
            const auto route = route_session(config, {agent, provider->id, std::nullopt, role});
            if (route && route->model) choice.model = route->model->value;
            result.choices.push_back(std::move(choice));
        }
    }
    for (const Provider& provider : config.catalog.providers)
        if (!available(agent, provider, keys)) result.unavailable.push_back(unavailable(agent, provider, keys));
    // spawn would fail on a default whose key cannot be read, so that one is not named.
    if (auto chosen = default_provider(config, agent, keys);
        chosen && available(agent, *config.catalog.find(*chosen), keys))
        result.default_ = *chosen;
    if (const auto found = config.agents.find(agent); found != config.agents.end() && found->second.provider)
        result.default_from = found->second.provider->origin;
    return result;
}

Result<ChosenProvider> choose_provider(const Config& config, Agent agent, const std::optional<std::string>& asked,
                                       const std::optional<std::string>& chosen_by, const KeyStates& keys) {
    if (asked) return ChosenProvider{*asked, because_asked(chosen_by)};
    if (const auto found = config.agents.find(agent); found != config.agents.end() && found->second.provider) {
        const Located<std::string>& configured = *found->second.provider;
        auto id = configured_default(config, agent, configured.value, keys);
        if (!id) return id.error();
        return ChosenProvider{*std::move(id), {"default", configured.origin + " makes it the default"}};
    }
    const std::vector<const Provider*> choices = available_providers(config, agent, keys);
    if (choices.empty()) return none_available(config, agent);
    if (choices.front()->kind(agent) == CellKind::native)
        return ChosenProvider{choices.front()->id, {"own_account", "it is the agent's own account"}};
    // OpenCode on Anthropic counts as native in the list, but needs a key as every other provider does. So it is taken
    // only where it is the only choice.
    if (choices.size() == 1) return ChosenProvider{choices.front()->id, {"only_one", "no other provider has a key"}};
    std::string list;
    for (const Provider* provider : choices)
        list += (list.empty() ? "" : ", ") + provider->id;
    return Error{
        ErrorCode::invalid_params,
        "provider: " + std::string(facts_of(agent).label) + " can run on several providers (" + list +
            ") and none was named",
        "Name one of them, or set a default: provider in [" + std::string(id_of(agent)) + "] of capsule.toml."};
}

Result<std::string> default_provider(const Config& config, Agent agent, const KeyStates& keys) {
    auto chosen = choose_provider(config, agent, std::nullopt, std::nullopt, keys);
    if (!chosen) return chosen.error();
    return std::move(chosen->id);
}

std::string tab_label(const Config& config, Agent agent, const Provider& provider, const KeyStates& keys) {
    return tab_label(agent, provider, available_providers(config, agent, keys));
}

}  // namespace capsule
