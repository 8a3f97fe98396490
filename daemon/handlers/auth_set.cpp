// auth.set: stores a provider's key at a scope; the very next request sees it.
#include <algorithm>
#include <set>

#include "daemon/base/reference.hpp"
#include "daemon/handlers/auth_store.hpp"
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/routing/choices.hpp"
#include "daemon/routing/route.hpp"

namespace capsule {
namespace {

Result<void> check_value(const std::string& value) {
    // What could never be sent as a key must not replace one that works.
    const auto is_bad = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte >= 0x7f;
    };
    if (value.empty())
        return Error{ErrorCode::invalid_params, "the key is empty", "pass the key; auth.unset removes one"};
    if (std::any_of(value.begin(), value.end(), is_bad))
        return Error{ErrorCode::invalid_params, "the key has white space, control or other characters that no key has",
                     "copy the key alone, without line ends or quotes"};
    if (is_op_reference(value) && !is_well_formed_op_reference(value))
        return Error{ErrorCode::invalid_params, "this is no valid op:// reference",
                     "write it as op://vault/item/field, or op://vault/item/section/field"};
    return {};
}

/// Those for which a session must name its provider, since several are there.
std::set<Agent> agents_without_default(const Services& services, const Generation& generation, const KeyScope& scope) {
    const KeyStates states = key_states(resolver(services, generation), scope);
    std::set<Agent> agents;
    for (const AgentFacts& facts : all_agents)
        if (const auto chosen = default_provider(generation.config, facts.agent, states);
            !chosen && chosen.error().code == ErrorCode::invalid_params)
            agents.insert(facts.agent);
    return agents;
}

Warning ambiguous(Agent agent) {
    const AgentFacts& facts = facts_of(agent);
    return {"default.none",
            std::string(facts.label) +
                " can now run on several providers and has no default: use --provider, or set provider in [" +
                std::string(facts.id) + "] of capsule.toml."};
}

Warning not_kept(const std::string& path, const Provider& provider) {
    return {"keys.not_kept",
            "The key is stored in " + path +
                ", which is gone with this container. To keep it, mount a volume at that directory, or "
                "mount a file with the key at /run/secrets/" +
                provider.key_env + "."};
}

}  // namespace

Handled<AuthRow> handle_auth_set(Services& services, Caller caller, AuthSetParams params) {
    const auto generation = services.generation;
    if (auto keeps = check_keeps_keys(*generation); !keeps) co_return keeps.error();
    const auto provider = find_provider(generation->config.catalog, params.provider);
    if (!provider) co_return provider.error();
    if (auto checked = check_value(params.value); !checked) co_return checked.error();
    const auto scope = auth_scope(params.scope);
    if (!scope) co_return scope.error();
    const std::set<Agent> before = agents_without_default(services, *generation, *scope);
    if (auto made = services.state->make(); !made) co_return made.error();
    const KeyHolders holders(services, *generation, **provider);
    const auto stored = services.stored.set((*provider)->key_env, *scope, Secret(params.value));
    if (!stored) co_return stored.error();
    co_await services.sessions.refresh_keys();
    log_change("auth.set", caller, **provider, *scope);
    AuthRow row = row_at(services, *generation, **provider, *scope);
    for (const Agent agent : agents_without_default(services, *generation, *scope))
        if (!before.contains(agent)) row.warnings.push_back(ambiguous(agent));
    holders.add_warnings(row.warnings, services, *generation);
    if (services.stored.are_lost_with_the_container())
        row.warnings.push_back(not_kept(services.stored.path(), **provider));
    co_return row;
}

}  // namespace capsule
