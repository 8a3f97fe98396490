#include "daemon/handlers/warnings.hpp"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <array>
#include <map>
#include <set>

#include "daemon/handlers/environment_proxy.hpp"
#include "daemon/handlers/named_sessions.hpp"
#include "daemon/handlers/session_pipeline.hpp"
#include "daemon/handlers/wiring.hpp"
#include "daemon/keys/auth_row.hpp"
#include "daemon/keys/key_shape.hpp"
#include "daemon/keys/secret_file.hpp"
#include "daemon/load/load_env.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

bool has_key_in_any_scope(const Services& services, const Generation& generation) {
    for (const auto& [id, key] : file_keys(generation.config, resolver(services, generation)))
        if (key.any_scope) return true;
    return false;
}

/// A key variable goes only where its route goes; any other name in [env] goes everywhere.
bool is_secret_for_all(const Catalog& catalog, const std::string& name, const EnvValue& value) {
    return names_a_secret(name) && !value.value.empty() && !is_account_variable(name) && !catalog.by_key_variable(name);
}

/// capsule.toml, auth.toml, and every file that a key is looked for in.
std::set<std::string> readable_key_files(const Services& services, const Generation& generation) {
    std::set<std::string> files;
    const Config& config = generation.config;
    // As it is now: a chmod needs no reload.
    if (config.path && holds_secrets(config) && others_can_read(*config.path)) files.insert(*config.path);
    const KeyResolver keys = resolver(services, generation);
    const auto look = [&](const std::string& variable) {
        for (std::string& path : keys.files(variable))
            if (others_can_read(path)) files.insert(std::move(path));
    };
    for (const Provider& provider : config.catalog.providers)
        look(provider.key_env);
    for (const AgentDescriptor* agent : all_descriptors())
        for (const std::string_view variable : agent->account_variables)
            look(std::string(variable));
    if (services.stored_path && others_can_read(*services.stored_path)) files.insert(*services.stored_path);
    return files;
}

/// Sessions that were answered by another model, and one of them.
struct OtherModel {
    std::string session;
    std::uint64_t sessions = 0, count = 0;
};

/// Once for each pair of models of an agent on a provider; agents may name any number of models.
void add_model_warnings(std::vector<Warning>& warnings, const Conspicuous::Some& sessions) {
    constexpr std::size_t most = 8;
    std::map<std::array<std::string_view, 4>, OtherModel> pairs;
    for (const SessionRow& session : sessions.rows)
        for (const SessionModel& model : session.models) {
            if (!is_other_model(model)) continue;
            OtherModel& pair = pairs[{session.agent, session.provider, model.asked, model.answered}];
            pair.session = session.id;
            ++pair.sessions;
            pair.count += model.count;
        }
    std::size_t told = 0;
    for (const auto& [names, pair] : pairs) {
        const auto& [agent, provider, asked, answered] = names;
        const std::string who =
            pair.sessions == 1 ? "session " + pair.session : fmt::format("{} sessions", pair.sessions);
        if (++told > most) break;
        warnings.push_back({"session.model_differs",
                            fmt::format("{} ({} on {}) asked for {} and {} answered by {}, {} times", who, agent,
                                        provider, asked, pair.sessions == 1 ? "was" : "were", answered, pair.count)});
    }
    if (pairs.size() > most)
        warnings.push_back({"session.model_differs",
                            fmt::format("{} more pairs of models differ; \"capsulectl --json sessions\" has them all",
                                        pairs.size() - most)});
    if (sessions.more > 0)
        warnings.push_back(
            {"session.model_differs", fmt::format("{} more sessions were answered by other models than they asked for; "
                                                  "\"capsulectl --json sessions\" has them all",
                                                  sessions.more)});
}

/// Sessions whose last request failed for a reason that is no limit: an outage, a provider that cannot be reached.
void add_failing_sessions(std::vector<Warning>& warnings, const Conspicuous::Some& sessions) {
    for (const SessionRow& session : sessions.rows) {
        const std::string words = session.last->message ? ": " + *session.last->message : "";
        warnings.push_back(
            {"session.failing", fmt::format("session {} ({} on {}): its last answer was {}{}", session.id,
                                            session.agent, session.provider, session.last->status, words)});
    }
    if (sessions.more > 0)
        warnings.push_back(
            {"session.failing",
             fmt::format("so was that of {} more; \"capsulectl sessions\" has them all", sessions.more)});
}

/// Their requests are refused, which their users see and nobody else.
void add_keyless_sessions(std::vector<Warning>& warnings, const std::vector<KeylessSession>& sessions) {
    std::map<std::string, NamedSessions> by_reason;
    for (const KeylessSession& each : sessions)
        by_reason[each.reason].add(each.row);
    for (const auto& [reason, named] : by_reason)
        warnings.push_back({"session.no_key", fmt::format("running sessions have no key, so their requests are "
                                                          "refused: {}: {}",
                                                          named.text(), reason)});
}

/// What a reload has read and not put in force. None: nothing of the kind.
std::optional<Warning> restart_warning(const StartSettings& start, const Config& config) {
    std::string names;
    const auto compare = [&](const auto& before, const auto& now, std::string_view name) {
        if (before != now) names += (names.empty() ? "" : ", ") + std::string(name);
    };
    compare(start.daemon.socket, config.daemon.socket, "[daemon] socket");
    compare(start.daemon.socket_group, config.daemon.socket_group, "[daemon] socket_group");
    compare(start.daemon.log_level.value_or("info"), config.daemon.log_level.value_or("info"), "[daemon] log_level");
    compare(start.daemon.log_format.value_or("text"), config.daemon.log_format.value_or("text"), "[daemon] log_format");
    compare(start.port, config.broker.port, "[broker] listen");
    if (names.empty()) return std::nullopt;
    return Warning{"config.restart", "changed since the daemon started, and counts after a restart of it: " + names};
}

}  // namespace

void add_default_warnings(std::vector<Warning>& warnings, const Config& config, const KeyStates& keys) {
    for (const AgentFacts& facts : all_agents) {
        if (!config.agent(facts.agent).provider) continue;
        const auto chosen = default_provider(config, facts.agent, keys);
        if (!chosen && chosen.error().code == ErrorCode::key_absent)
            warnings.push_back({"default.no_key", chosen.error().message + ". " + chosen.error().hint});
    }
}

std::vector<InlineKeys> inline_keys(const Services& services, const Generation& generation) {
    const auto keys = file_keys(generation.config, resolver(services, generation));
    std::vector<InlineKeys> out;
    for (const AgentDescriptor* agent : all_descriptors())
        if (agent->inline_keys)
            if (auto file = agent->inline_keys(generation.config, generation.home, keys))
                out.push_back(*std::move(file));
    return out;
}

std::vector<Warning> status_warnings(const Services& services, const Generation& generation,
                                     const std::vector<InlineKeys>& inline_keys) {
    std::vector<Warning> warnings;
    if (services.reload_error)
        warnings.push_back({"config.invalid", "the last reload failed and the older configuration is in force: " +
                                                  *services.reload_error});
    if (auto restart = restart_warning(services.at_start, generation.config)) warnings.push_back(std::move(*restart));
    if (auto why = why_no_proxy(generation.config, services.environment))
        warnings.push_back({"broker.proxy", *std::move(why)});
    if (generation.config.broker.remote) {
        // Nothing of what follows is about keys that this capsuled could give away.
        const KeyResolver here = resolver(services, generation);
        for (const Provider& provider : generation.config.catalog.providers)
            if (const KeyFinding finding = here.find(provider.key_env, {}); finding.state == KeyState::present)
                warnings.push_back({"keys.unused", provider.key_env + " (" + finding.source +
                                                       ") is not used, and agents may read it: the keys are with the "
                                                       "capsuled of [broker] remote. Take it away here"});
    } else if (generation.home.same_user && generation.config.access.own_user == Tier::admin)
        warnings.push_back(
            {"access.same_user", "agents run as the daemon's own user (" + generation.home.user.name +
                                     "), so they can ask for every key; " +
                                     (::geteuid() == 0 ? "set [session] user in the configuration"
                                                       : "run capsuled as root with [session] user set")});
    for (const std::string& file : readable_key_files(services, generation))
        warnings.push_back({"keys.readable", file + " holds keys and others can read it; run: chmod 600 " + file +
                                                 " (or, where it is mounted, mount it with mode 0400)"});
    for (const InlineKeys& file : inline_keys)
        warnings.push_back({"keys.inline", "keys stand inline in " + file.path + ", where every process of " +
                                               generation.home.user.name + " can read them; " + file.cure});
    const Conspicuous sessions = services.sessions.conspicuous();
    add_model_warnings(warnings, sessions.other_model);
    add_failing_sessions(warnings, sessions.failing);
    add_keyless_sessions(warnings, services.sessions.without_key());
    for (const auto& [name, value] : generation.config.env)
        if (is_secret_for_all(generation.config.catalog, name, value))
            warnings.push_back({"env.secret", "[env] gives " + name + " (" + value.origin +
                                                  ") to every session: it is no provider's key variable, and its name "
                                                  "looks like a secret's. Put it into [workspaces.<name>.env] if not "
                                                  "all sessions need it"});
    const KeyResolver keys = resolver(services, generation);
    for (const Provider& provider : generation.config.catalog.providers) {
        if (auto warning = other_name_warning(provider, keys, {})) warnings.push_back(std::move(*warning));
        const KeyFinding key = keys.find(provider.key_env, {});
        if (auto warning = empty_key_warning(provider, keys, {})) warnings.push_back(std::move(*warning));
        if (key.error)
            warnings.push_back({"key.error", provider.label + ": " + key.error->message + ". " + key.error->hint});
        if (key.state != KeyState::present) continue;
        if (const auto doubt = key_shape_warning(provider, key.value))
            warnings.push_back({doubt->code, provider.label + ": " + doubt->message});
    }
    if (!generation.config.broker.remote && !has_key_in_any_scope(services, generation))
        warnings.push_back({"keys.none", "no provider has a key yet; `capsulectl auth` says how to get one"});
    return warnings;
}

}  // namespace capsule
