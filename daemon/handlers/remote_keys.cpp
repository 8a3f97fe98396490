#include "daemon/handlers/remote_keys.hpp"

#include <algorithm>
#include <utility>

#include "daemon/routing/choices.hpp"
#include "daemon/sessions/sha256.hpp"
#include "daemon/sessions/token.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// "http://127.0.0.1:4587" of the URL at which a grant is good. Both capsuleds must know the provider at the same path,
/// and nobody sends a session elsewhere than to its own loopback.
Result<std::string> broker_of(const RemoteGrant& grant, const BrokeredRoute& route, const std::string& cell) {
    constexpr std::string_view loopback = "http://127.0.0.1:";
    const auto found = grant.base_urls().find(std::string(route.surface));
    const std::string url = found == grant.base_urls().end() ? "" : found->second;
    std::string origin = url.substr(0, url.find('/', loopback.size()));
    if (url.starts_with(loopback) && url_at_broker(origin, route.base_url) == url) return origin;
    return Error{ErrorCode::config_conflict,
                 "the capsuled that has the keys knows another address for " + cell + " (" + url + ") than this one",
                 "give both the same [providers] tables, and the same version"};
}

/// A session on the agent's own account: a token for its key, where there is one that a token can stand for; else what
/// the home holds.
bool wants_token(const Wiring& wiring, const KeyStates& states) {
    return wiring.brokered.why_not.empty() && (!wiring.route.native || usable(states(*wiring.route.provider)));
}

Error not_understood(const Error& error) {
    return {ErrorCode::config_conflict, "the capsuled that has the keys is not understood: " + error.message,
            "run the same version of capsuled on both sides"};
}

constexpr std::chrono::milliseconds at_once{0};

/// Fails as RemoteLink::call() does, and where the answer has another shape.
template <class Answer>
asio::awaitable<Result<Answer>> ask(RemoteLink& link, const char* name, boost::json::value params,
                                    std::chrono::milliseconds wait, std::chrono::milliseconds limit) {
    std::string method = name;
    const auto answer = co_await link.call(std::move(method), std::move(params), wait, limit);
    if (!answer) co_return answer.error();
    Answer out;
    if (auto read = from_json(out, *answer, "result", Unknown::ignore); !read) co_return not_understood(read.error());
    co_return out;
}

}  // namespace

Result<void> check_keeps_keys(const Generation& generation) {
    if (!keys_are_remote(generation)) return {};
    const std::string& path = *generation.config.broker.remote;
    return Error{ErrorCode::config_conflict,
                 "this capsuled has no keys: they are with the one at " + path + " ([broker] remote)",
                 "set them where that one runs, or ask it: capsulectl --socket " + path + " …"};
}

asio::awaitable<Result<std::vector<AuthRow>>> remote_rows(Services& services, KeyScope scope,
                                                          std::chrono::milliseconds wait,
                                                          std::chrono::milliseconds limit) {
    boost::json::value params = without_nulls(to_json(AuthListParams{scope.workspace, scope.role}));
    auto list = co_await ask<AuthListResult>(services.sessions.remote(), "auth.list", std::move(params), wait, limit);
    if (!list) co_return list.error();
    co_return std::move(list->rows);
}

asio::awaitable<Result<UsageResult>> remote_usage(Services& services, std::uint32_t asker, UsageParams params) {
    boost::json::value asked = without_nulls(to_json(params));
    // A plan's page takes up to 8 s.
    const auto link = co_await services.sessions.remote_places().take(asker);
    if (!link) co_return link.error();
    co_return co_await ask<UsageResult>(**link, "usage", std::move(asked), RemoteLink::patience,
                                        RemoteLink::answer_limit);
}

/// That capsuled answers one request after the other, and sessions are granted over the same connection: so no second
/// question of this kind is there before the first is answered, and it looks at nobody's home for it.
asio::awaitable<Result<std::vector<ProviderStatus>>> remote_providers(Services& services) {
    SharedAnswer<Result<StatusResult>>::Question question = [&link = services.sessions.remote()] {
        boost::json::value params = without_nulls(to_json(StatusParams{false}));
        return ask<StatusResult>(link, "status", std::move(params), at_once, RemoteLink::while_connected);
    };
    auto status =
        co_await services.remote_status.ask(std::move(question), std::chrono::steady_clock::now() + remote_soon);
    if (!status) co_return services.sessions.remote().has_not_answered("status");
    if (!*status) co_return status->error();
    co_return std::move((*status)->providers);
}

asio::awaitable<void> add_remote_notes(Services& services, ProvidersListResult& list, ProvidersListParams params) {
    boost::json::value asked = without_nulls(to_json(params));
    auto there = co_await ask<ProvidersListResult>(services.sessions.remote(), "providers.list", std::move(asked),
                                                   at_once, remote_soon);
    if (!there) co_return;
    for (Choice& choice : list.choices) {
        const auto same = std::ranges::find(there->choices, choice.id, &Choice::id);
        if (same == there->choices.end()) continue;
        choice.limit = std::move(same->limit);
        choice.usage = std::move(same->usage);
    }
}

KeyState key_state_named(const std::string& name) {
    using enum KeyState;
    for (const KeyState state : {present, ignored, error, unresolved})
        if (name_of(state) == name) return state;
    return absent;
}

KeyStates states_in(std::vector<AuthRow> rows) {
    std::map<std::string, KeyState> states;
    for (AuthRow& row : rows)
        states.emplace(std::move(row.provider), key_state_named(row.state));
    return [states = std::move(states)](const Provider& provider) {
        const auto found = states.find(provider.id);
        return found == states.end() ? KeyState::absent : found->second;
    };
}

std::map<std::string, FileKey> file_keys_in(const Generation& generation, const KeyStates& states) {
    std::map<std::string, FileKey> out;
    for (const Provider& provider : generation.config.catalog.providers)
        out.emplace(provider.id, FileKey{std::nullopt, usable(states(provider))});
    return out;
}

asio::awaitable<Result<KeyStates>> ask_key_states(Services& services, std::shared_ptr<const Generation> generation,
                                                  KeyScope scope) {
    if (!keys_are_remote(*generation)) co_return key_states(resolver(services, *generation), std::move(scope));
    auto rows = co_await remote_rows(services, std::move(scope), RemoteLink::patience, RemoteLink::answer_limit);
    if (!rows) co_return rows.error();
    co_return states_in(std::move(*rows));
}

asio::awaitable<Result<Wiring>> wire_remotely(Services& services, std::shared_ptr<const Generation> generation,
                                              uid_t asker, SpawnParams params) {
    const Config& config = generation->config;
    const KeyScope scope{params.workspace, params.role};
    const auto agent = find_agent(params.agent);
    if (!agent) co_return agent.error();
    auto rows = co_await remote_rows(services, scope, RemoteLink::patience, RemoteLink::answer_limit);
    if (!rows) co_return rows.error();
    const KeyStates states = states_in(*rows);
    auto chosen = choose_provider(config, *agent, params.provider, params.chosen_by, states);
    if (!chosen) co_return chosen.error();
    auto route = route_session(config, {*agent, chosen->id, params.model, params.role});
    if (!route) co_return route.error();
    Wiring wiring{generation, std::move(*route), {}, scope, states, {}, std::move(chosen->because)};
    wiring.file_keys = file_keys_in(*generation, states);
    wiring.key.variable = wiring.route.provider->key_env;
    wiring.brokered = descriptor_of(*agent).brokered(wiring.route, wiring.key.variable);
    const std::string cell = cell_name(*agent, *wiring.route.provider);
    if (!wants_token(wiring, states)) {
        if (!wiring.route.native)
            co_return Error{ErrorCode::cell_unsupported,
                            cell + " cannot go through capsule-broker: " + std::string(wiring.brokered.why_not),
                            "name another provider: this capsuled has no keys ([broker] remote)"};
        const OwnCredentials own = own_credentials(*agent, config, *wiring.route.provider);
        if (own.required) co_return *own.required;
        co_return wiring;
    }
    for (const AuthRow& row : *rows)
        if (row.provider == chosen->id) wiring.key.from = row.source.value_or("") + ", at " + *config.broker.remote;
    wiring.token = make_token();
    GrantParams asked;
    asked.agent = params.agent;
    asked.provider = chosen->id;
    if (wiring.route.model) asked.model = wiring.route.model->value;
    asked.workspace = params.workspace;
    asked.role = params.role;
    asked.uid = generation->home.user.uid;
    asked.asked_by = asker;
    asked.token_sha256 = sha256_hex(wiring.token->reveal());
    auto granted = co_await services.sessions.grant_remotely(asker, std::move(asked));
    if (!granted) co_return granted.error();
    auto url = broker_of(**granted, wiring.brokered, cell);
    if (!url) co_return url.error();
    wiring.remote = std::move(*granted);
    wiring.broker_url = std::move(*url);
    co_return wiring;
}

}  // namespace capsule
