#include "daemon/handlers/session_pipeline.hpp"

#include <algorithm>
#include <iterator>

#include "daemon/agents/agent.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/handlers/provider_notes.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/handlers/session_at_home.hpp"
#include "daemon/home/facts.hpp"
#include "daemon/keys/key_shape.hpp"
#include "daemon/keys/known_scopes.hpp"
#include "daemon/routing/choices.hpp"
#include "daemon/sessions/token.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

AgentPlace agent_place(const Generation& generation, uid_t asker) {
    return {generation.home, generation.inventory_worker, asker};
}

/// Whether the daemon may run what it finds in that user's PATH, with that PATH: it runs it as the home's user, as whom
/// both can run programs themselves. Who may only ask for sessions, or is one of a user's subordinate uids, cannot.
bool chooses_programs(uid_t asker, const SessionHome& home) {
    return asker == 0 || asker == home.user.uid;
}

/// A session as far as it is settled without its plan and its token.
PreparedSession prepared_from(const Wiring& wiring) {
    PreparedSession out{wiring.generation, wiring.route, "", {}, {}};
    out.because = wiring.because;
    out.base_url = wiring.brokered.base_url;
    // A cell that cannot go through the broker has an address all the same.
    if (out.base_url.empty() && !out.route.native) out.base_url = out.route.cell().base_url;
    out.key_source = wiring.key.from;
    out.key_scope = wiring.key.scope;
    out.scope = wiring.scope;
    return out;
}

/// Gives the session a token in the place of its key. Fails with io.error where there is no broker.
asio::awaitable<Result<void>> take_token(Services& services, PreparedSession& session, const Wiring& wiring) {
    if (wiring.token) {
        session.remote = wiring.remote;
        session.broker_url = wiring.broker_url;
        session.token = wiring.token;
    } else {
        auto url = co_await services.sessions.broker_url();
        if (!url) co_return url.error();
        session.broker_url = std::move(*url);
        session.token = make_token();
    }
    session.brokered = wiring.brokered;
    session.key_variable = wiring.key.variable;
    co_return Result<void>();
}

bool carries(const Plan& plan, const Secret& secret) {
    return std::ranges::any_of(plan.env, [&](const auto& each) {
        const auto* value = std::get_if<Secret>(&each.second.value);
        return value != nullptr && value->same_as(secret);
    });
}

/// What the session has in the end: an agent may prefer what it finds in the home.
void settle_keys(PreparedSession& session, const std::optional<Secret>& key) {
    if (session.token && carries(session.plan, *session.token)) {
        session.keys = session_keys::broker;
        return;
    }
    session.token.reset();
    session.remote.reset();
    session.keys = key && carries(session.plan, *key) ? session_keys::env : session_keys::home;
    if (session.keys == session_keys::home) session.key_source.clear();
}

/// What is to be said of the key, wherever it is, and of what its provider will make of it. Never waits.
void add_key_warnings(std::vector<Warning>& warnings, const Services& services, const Wiring& wiring) {
    if (wiring.remote)
        std::ranges::copy(wiring.remote->warnings(), std::back_inserter(warnings));
    else if (auto unused = unused_scope_warning(wiring.generation->config, services.stored, wiring.scope))
        warnings.push_back(std::move(*unused));
    if (!wiring.key.key) return;
    const Provider& provider = *wiring.route.provider;
    if (wiring.key.variable == provider.key_env)
        if (auto warning = key_shape_warning(provider, *wiring.key.key)) warnings.push_back(std::move(*warning));
    add_provider_warnings(warnings, services, provider, *wiring.key.key);
}

Warning not_brokered(const PreparedSession& session, const BrokeredRoute& brokered) {
    const std::string cell = cell_name(session.route.agent, *session.route.provider);
    if (session.keys == session_keys::home)
        return {"session.not_brokered", cell + " uses the login in the home, which capsule-broker cannot stand in for"};
    return {"session.not_brokered", cell + " has the key itself in its environment: " + std::string(brokered.why_not)};
}

}  // namespace

Result<void> check_starts_sessions(const Generation& generation) {
    if (!generation.home.same_user || generation.config.access.own_user == Tier::admin) return {};
    return Error{ErrorCode::access_denied,
                 "this capsuled starts no sessions: they would be of its own user, who must not have the keys "
                 "([access] own_user)",
                 "ask a capsuled whose [broker] remote names this one; here `grant` gives tokens"};
}

asio::awaitable<Result<PreparedSession>> prepare_session(Services& services, Caller caller, SpawnParams params,
                                                         ApplyMode mode) {
    const uid_t asker = caller.counted_as();
    if (auto may = check_starts_sessions(*services.generation); !may) co_return may.error();
    auto wiring = co_await wire(services, asker, params);
    if (!wiring) co_return wiring.error();
    const auto generation = wiring->generation;
    const Config& config = generation->config;
    const Agent agent = wiring->route.agent;
    PreparedSession prepared = prepared_from(*wiring);
    const bool by_broker = config.session.keys == SessionKeys::broker;
    if (by_broker && (wiring->token || (wiring->key.key && wiring->brokered.why_not.empty()))) {
        auto token = co_await take_token(services, prepared, *wiring);
        if (!token) co_return token.error();
    }

    const auto work = std::make_shared<SessionWork>(services, generation);
    work->material.keys = std::move(wiring->file_keys);
    SessionInputs& inputs = work->inputs;
    inputs.key = prepared.token ? prepared.token : wiring->key.key;
    inputs.key_from = prepared.token ? "a session token for the one of " + wiring->key.from : wiring->key.from;
    inputs.key_variable = wiring->key.variable;
    if (prepared.token) inputs.broker_url = prepared.broker_url;
    inputs.workspace = params.workspace;
    inputs.role = params.role;
    work->path_of_programs = session_path(inputs);  // before the request's own
    work->material.request_env = std::move(params.env);
    const std::string path = session_path(inputs);
    if (chooses_programs(caller.uid, generation->home)) work->path_of_programs = path;
    work->known_models = services.inventory.known_models();
    const std::optional<std::string> cwd = params.cwd;
    auto render = [work, mode, route = prepared.route, cwd, path] {
        return render_at_home(*work, route, cwd, path, mode);
    };
    auto again = render;
    auto done = co_await generation->worker->run(std::move(render), home_job_limit, asker);
    if (done && work->to_ask) {
        const AgentPlace place = agent_place(*generation, asker);
        work->material.models = co_await services.inventory.models(agent, *work->to_ask, place);
        done = co_await generation->worker->run(std::move(again), home_job_limit, asker);
    }
    if (!done) co_return done.error();
    prepared.plan = std::move(done->plan);
    prepared.applied = std::move(done->applied);
    if (params.cwd) prepared.settings = std::move(done->settings);
    settle_keys(prepared, wiring->key.key);
    prepared.tab_label = tab_label(config, agent, *prepared.route.provider, wiring->states);
    std::vector<Warning>& warnings = prepared.plan.warnings;
    std::move(prepared.applied.warnings.begin(), prepared.applied.warnings.end(), std::back_inserter(warnings));
    add_key_warnings(warnings, services, *wiring);
    if (by_broker && !prepared.token) warnings.push_back(not_brokered(prepared, wiring->brokered));
    co_return std::move(prepared);
}

asio::awaitable<Result<PreparedSession>> prepare_grant(Services& services, uid_t asker, SpawnParams params) {
    if (auto has = check_keeps_keys(*services.generation); !has) co_return has.error();
    auto wiring = co_await wire(services, asker, params);
    if (!wiring) co_return wiring.error();
    PreparedSession prepared = prepared_from(*wiring);
    const std::string cell = cell_name(prepared.route.agent, *prepared.route.provider);
    if (!wiring->key.key)
        co_return Error{ErrorCode::cell_unsupported, cell + " runs on a login in the home, for which there is no token",
                        "name a provider whose key capsuled has"};
    if (!wiring->brokered.why_not.empty())
        co_return Error{ErrorCode::cell_unsupported,
                        cell + " cannot go through capsule-broker: " + std::string(wiring->brokered.why_not),
                        "name another provider, or use spawn"};
    auto token = co_await take_token(services, prepared, *wiring);
    if (!token) co_return token.error();
    prepared.keys = session_keys::broker;
    add_key_warnings(prepared.plan.warnings, services, *wiring);
    co_return std::move(prepared);
}

std::string default_session_path(const Services& services, const Generation& generation) {
    const SessionMaterial material;
    return session_path(material.inputs(services, generation));
}

asio::awaitable<Result<Applied>> write_agent_files(Services& services, uid_t asker, Agent agent) {
    const auto generation = services.generation;
    if (auto may = check_starts_sessions(*generation); !may) co_return may.error();
    const auto work = std::make_shared<SessionWork>(services, generation);
    const KeyResolver keys = resolver(services, *generation);
    work->material.keys = file_keys(generation->config, keys);
    if (keys_are_remote(*generation)) {
        const auto states = co_await ask_key_states(services, generation, KeyScope());
        if (!states) co_return states.error();
        work->material.keys = file_keys_in(*generation, *states);
    }
    // Here there is time to ask op: the files are what this call is for.
    for (const Provider& provider : generation->config.catalog.providers) {
        FileKey& key = work->material.keys[provider.id];
        if (key.global || keys_are_remote(*generation) || provider.kind(agent) != CellKind::routed) continue;
        if (keys.find(provider.key_env, KeyScope()).state != KeyState::unresolved) continue;
        auto found = co_await resolve_key(services, generation, keys, provider, provider.key_env, KeyScope());
        if (!found) co_return found.error();
        key.global = std::move(found->value);
    }
    const std::string path = session_path(work->inputs);
    const uid_t user = generation->home.user.uid;
    auto look = [path, agent, user] { return Result<BinarySearch>(find_binary(path, id_of(agent), user)); };
    auto found = co_await generation->worker->run(std::move(look), home_job_limit, asker);
    if (!found) co_return found.error();
    work->inputs.unreachable = std::move(found->unreachable);
    const AgentPlace place = agent_place(*generation, asker);
    if (const auto& binary = found->binary) {
        work->inputs.binary = binary->path;
        if (descriptor_of(agent).model_list)
            work->material.models = co_await services.inventory.models(agent, *binary, place);
    }
    auto write = [work, agent]() -> Result<Applied> {
        const HomeVisit visit;
        work->material.facts = read_home_facts(agent, work->generation->home);
        std::vector<Warning> warnings;
        const auto files = agent_files(agent, work->inputs, warnings);
        auto applied = apply(files, ApplyMode::write, ApplyFor::config_write);
        if (!applied) return applied.error();
        applied->warnings.insert(applied->warnings.begin(), warnings.begin(), warnings.end());
        return std::move(*applied);
    };
    co_return co_await generation->worker->run(std::move(write), home_job_limit, asker);
}

}  // namespace capsule
