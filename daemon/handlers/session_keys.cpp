#include "daemon/handlers/session_keys.hpp"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "daemon/agents/agent.hpp"
#include "daemon/base/http_url.hpp"
#include "daemon/catalog/key_state.hpp"
#include "daemon/handlers/environment_proxy.hpp"
#include "daemon/keys/key_scope.hpp"
#include "daemon/keys/known_scopes.hpp"
#include "daemon/routing/route.hpp"
#include "daemon/users/subordinate.hpp"
#include "daemon/users/users.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/notice_messages.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

std::optional<std::string> variable(const Services& services, const char* upper, const char* lower) {
    for (const char* name : {upper, lower})
        if (const auto found = services.environment.find(name);
            found != services.environment.end() && !found->second.empty())
            return std::string(found->second.reveal());
    return std::nullopt;
}

/// One that the broker cannot use is as none; `status` tells of it.
std::optional<std::string> proxy_of(const Services& services, const BrokerConfig& config) {
    if (config.proxy) return std::string(config.proxy->reveal());
    const auto proxy = environment_proxy(services.environment);
    return proxy && proxy->usable ? std::optional(std::string(proxy->url.reveal())) : std::nullopt;
}

BrokerSettings broker_settings(const Services& services) {
    const Generation& generation = *services.generation;
    const BrokerConfig& config = generation.config.broker;
    BrokerSettings out;
    out.port = config.port;
    // Where agents of the daemon's own user may not have the keys, they must not be able to listen beside the broker.
    out.hold_port = ::geteuid() == 0 || generation.config.access.own_user == Tier::admin;
    out.idle = config.idle;
    out.remote = config.remote;
    if (generation.broker_user)
        out.link.identity = *generation.broker_user;
    else
        out.link.cannot_start = generation.broker_user.error();
    out.only_grants = generation.config.access.own_user == Tier::spawn;
    out.link.configure.connections = config.connections;
    out.link.configure.streams = config.streams;
    if (generation.authorities)
        out.link.authorities = *generation.authorities;
    else
        out.link.cannot_start = generation.authorities.error();
    out.link.configure.upstream_uids = generation.upstream_uids;
    // It has no admin's rights because agents run as it: then any of its servers may be theirs.
    if (generation.config.access.own_user != Tier::admin) out.link.configure.agents_uid = ::geteuid();
    out.link.configure.proxy = proxy_of(services, config);
    out.link.configure.no_proxy = variable(services, "NO_PROXY", "no_proxy");
    return out;
}

bool needs_broker(const Services& services) {
    return services.generation->config.session.keys == SessionKeys::broker;
}

/// Where and under which variable a session like this one would have its key if it began now.
struct CellNow {
    std::string base_url;  ///< empty: a key does not go through the broker
    std::vector<std::string> variables;
};

CellNow cell_now(const Config& config, const Provider& provider, const SessionRecord& record) {
    const auto agent = agent_named(record.agent);
    if (!agent || cell_problem(*agent, provider)) return {};
    Route route{*agent, &provider};
    route.native = provider.kind(*agent) == CellKind::native;
    const BrokeredRoute brokered = descriptor_of(*agent).brokered(route, record.key_variable);
    if (!route.native) return {brokered.base_url, {provider.key_env}};
    return {brokered.base_url, own_credentials(*agent, config, provider).variables};
}

/// A key is the one of an address. The operator may have given the provider another address because the session's is
/// not to be trusted any more, and its key with it. None: the session may have it.
std::optional<std::string> why_not_its_key(const Config& config, const SessionRecord& record) {
    const Provider* provider = config.catalog.find(record.provider);
    if (!provider)
        return "the configuration has no provider \"" + record.provider +
               "\" any more; start the agent again on another one";
    const CellNow now = cell_now(config, *provider, record);
    const auto changed = [&](std::string_view what) {
        return fmt::format("{} of {} has changed since the agent was started; leave it and start it again", what,
                           provider->label);
    };
    if (!same_address(now.base_url, record.base_url)) return changed("the address");
    if (std::ranges::find(now.variables, record.key_variable) == now.variables.end())
        return changed("the key's variable");
    return std::nullopt;
}

/// The scope that an older daemon's session began with, where that is gone; empty: what is found may be its own.
std::string gone_of_before(const Services& services, const SessionRecord& record) {
    if (!record.known_workspace && !record.known_role) return "";
    const KnownScopes known = known_scopes(services.generation->config, services.stored);
    if (record.known_role && !known.roles.contains(*record.known_role)) return "role";
    return record.known_workspace && !known.workspaces.contains(*record.known_workspace) ? "workspace" : "";
}

KeyNow key_now(const Services& services, const KeyResolver& keys, const SessionRecord& record) {
    const auto generation = services.generation;
    if (auto why = why_not_its_key(generation->config, record)) return {std::nullopt, *std::move(why)};
    const auto told = [](const Error& error) { return KeyNow{std::nullopt, error.message + ". " + error.hint}; };
    if (const auto conflict = upstream_conflict(*generation, record.uid))
        return told({conflict->code,
                     conflict->message + "; no server of that user gets one until such sessions have ended and the "
                                         "configuration is loaded again",
                     conflict->hint});
    const Provider* provider = generation->config.catalog.find(record.provider);
    const KeyScope scope{record.workspace, record.role};
    KeyFinding finding = keys.find(record.key_variable, scope);
    const std::string began = record.key_scope ? *record.key_scope : gone_of_before(services, record);
    if (finding.state != KeyState::absent && !is_as_narrow(finding.scope, began))
        return {std::nullopt, fmt::format("{}; {}", gone_from_scope(began, scope), configure_it_again)};
    switch (finding.state) {
        case KeyState::present:
            return {std::move(finding.value), "", std::move(finding.source), std::move(finding.scope)};
        case KeyState::error:
            return told(*finding.error);
        case KeyState::unresolved:
            return {std::nullopt, "the password manager has not given the key of " + provider->label +
                                      " yet; ask again, and see that `op` is signed in"};
        case KeyState::absent:
        case KeyState::ignored:
            break;
    }
    return told(key_absent(*provider, finding.state));
}

KeyLook look(const Services& services) {
    KeyResolver keys = resolver(services, *services.generation);
    return [&services, generation = services.generation, keys = std::move(keys)](const SessionRecord& record) {
        return key_now(services, keys, record);
    };
}

/// What a password manager has to be asked for, so that these sessions' keys are known.
std::set<std::string> unread_references(const Services& services, const Generation& generation,
                                        const std::vector<SessionRecord>& records) {
    const KeyResolver keys = resolver(services, generation);
    std::set<std::string> references;
    for (const SessionRecord& record : records) {
        if (!generation.config.catalog.find(record.provider)) continue;
        const KeyFinding finding = keys.find(record.key_variable, {record.workspace, record.role});
        if (finding.state == KeyState::unresolved) references.insert(finding.reference);
    }
    return references;
}

/// The answers are remembered, which is what counts here.
asio::awaitable<void> read_keys(Services& services, std::vector<SessionRecord> records) {
    const auto generation = services.generation;
    for (const std::string& reference : unread_references(services, *generation, records))
        co_await services.op.read(reference, generation->config.keys.op);
}

/// Of the sessions that a user asked for, those of other people count for these: none of them pays for another one.
/// Not those of this daemon's agents, which all run as one user, nor those of a uid that the asker may have itself.
void leave_to_whose_it_is(const Services& services, broker::Grant& grant) {
    if (grant.asked_there || !grant.uid) return;
    const uid_t uid = *grant.uid, person = counted_as(uid);
    if (person != uid)
        grant.asked_by = person;
    else if (uid != services.generation->home.user.uid && user_name(uid) != std::to_string(uid))
        grant.asked_by.reset();
}

void describe(const Services& services, broker::Grant& grant) {
    leave_to_whose_it_is(services, grant);
    const Provider* provider = services.generation->config.catalog.find(grant.provider);
    if (!provider) return;
    if (provider->timeout_ms > 0) grant.timeout_ms = static_cast<std::uint32_t>(provider->timeout_ms);
    for (const RefusalRule& rule : provider->refusals)
        grant.refusals.push_back({rule.kind, rule.status, rule.code, rule.text});
    if (!provider->reset_zone.empty()) grant.reset_zone = provider->reset_zone;
}

}  // namespace

bool keeps_sessions(const Config& config) {
    return config.session.keys == SessionKeys::broker && config.access.own_user != Tier::spawn;
}

void open_sessions(Services& services) {
    SessionSources sources{
        [&services] { return look(services); },
        [&services](std::vector<SessionRecord> records) { return read_keys(services, std::move(records)); },
        [&services](broker::Grant& grant) { describe(services, grant); },
        [&services](std::string_view what, const SessionRecord& record, const SessionCounts& counts,
                    const std::optional<std::string>& ended) {
            if (services.subscribers.any())
                services.subscribers.tell(what, to_json(SessionNotice{session_row(record, counts, ended)}));
        },
    };
    services.sessions.open(SessionFiles(services.state), EndedFile(services.state), std::move(sources),
                           broker_settings(services), needs_broker(services));
}

void configure_sessions(Services& services) {
    services.sessions.configure(broker_settings(services), needs_broker(services));
}

}  // namespace capsule
