#include "daemon/handlers/wiring.hpp"

#include "daemon/agents/agent.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/handlers/session_params.hpp"
#include "daemon/keys/known_scopes.hpp"
#include "daemon/routing/choices.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

SessionKey session_key(KeyFinding finding, std::string variable) {
    return {std::move(finding.value), std::move(finding.source), std::move(variable), std::move(finding.scope)};
}

/// Native sessions: what the capsule has of the agent's own credentials, in the agent's order; an absent one is fine
/// (the home has the login), a broken one is not.
asio::awaitable<Result<SessionKey>> native_key(Services& services, std::shared_ptr<const Generation> generation,
                                               KeyResolver keys, const Route& route, KeyScope scope) {
    const OwnCredentials own = own_credentials(route.agent, generation->config, *route.provider);
    for (const std::string& variable : own.variables) {
        auto finding = co_await resolve_key(services, generation, keys, *route.provider, variable, scope);
        if (finding) co_return session_key(std::move(*finding), variable);
        if (finding.error().code != ErrorCode::key_absent) co_return finding.error();
    }
    if (own.required) co_return *own.required;
    co_return SessionKey{};
}

asio::awaitable<Result<SessionKey>> key_of(Services& services, std::shared_ptr<const Generation> generation,
                                           KeyResolver keys, const Route& route, KeyScope scope) {
    if (route.native) co_return co_await native_key(services, generation, keys, route, scope);
    auto finding = co_await resolve_key(services, generation, keys, *route.provider, route.provider->key_env, scope);
    if (!finding) co_return finding.error();
    co_return session_key(std::move(*finding), route.provider->key_env);
}

}  // namespace

std::map<std::string, FileKey> file_keys(const Config& config, const KeyResolver& keys) {
    std::map<std::string, FileKey> out;
    for (const Provider& provider : config.catalog.providers) {
        FileKey key;
        KeyFinding finding = keys.find(provider.key_env, {});
        // An op:// that was not read yet is somewhere, though its value cannot go into a file yet.
        key.any_scope = usable(finding.state) || keys.in_any_scope(provider.key_env);
        if (finding.state == KeyState::present) key.global = std::move(finding.value);
        out.emplace(provider.id, std::move(key));
    }
    return out;
}

asio::awaitable<Result<Wiring>> wire(Services& services, uid_t asker, const SpawnParams& params) {
    const auto generation = services.generation;
    const Config& config = generation->config;
    if (auto checked = check_params(params); !checked) co_return checked.error();
    if (keys_are_remote(*generation)) co_return co_await wire_remotely(services, generation, asker, params);
    const KeyScope scope{params.workspace, params.role};
    if (auto known = check_known(config, services.stored, scope); !known) co_return known.error();
    const auto agent = find_agent(params.agent);
    if (!agent) co_return agent.error();
    const KeyResolver keys = resolver(services, *generation);
    KeyStates states = key_states(keys, scope);
    auto chosen = choose_provider(config, *agent, params.provider, params.chosen_by, states);
    if (!chosen) co_return chosen.error();
    auto route = route_session(config, {*agent, chosen->id, params.model, params.role});
    if (!route) co_return route.error();
    auto key = co_await key_of(services, generation, keys, *route, scope);
    if (!key) co_return key.error();
    BrokeredRoute brokered = descriptor_of(*agent).brokered(*route, key->variable);
    Wiring wiring{generation,        std::move(*route),   std::move(*key),           scope,
                  std::move(states), std::move(brokered), std::move(chosen->because)};
    // An agent without files of its own has none that carry keys.
    if (descriptor_of(*agent).files) wiring.file_keys = file_keys(config, keys);
    co_return wiring;
}

}  // namespace capsule
