#include "daemon/handlers/generation.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <fstream>

#include "daemon/config/quotable.hpp"
#include "daemon/handlers/environment_proxy.hpp"
#include "daemon/load/load_config.hpp"
#include "daemon/sessions/authorities.hpp"
#include "daemon/users/subordinate.hpp"
#include "daemon/users/user_namespace.hpp"
#include "daemon/users/users.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

Error broker_conflict(std::string message, std::string hint) {
    return {ErrorCode::config_conflict, "[broker] user: " + std::move(message), std::move(hint)};
}

/// A user namespace with one user alone (a container of somebody who is not root): there is nobody to become.
bool has_one_user() {
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t inside = 0, outside = 0, count = 0;
    const bool read = static_cast<bool>(map >> inside >> outside >> count);
    return read && count == 1 && !(map >> inside);
}

/// The broker holds keys, so it has a user that nothing else runs as.
Result<std::optional<BrokerIdentity>> broker_user(const Config& config, const SessionHome& home, const Policy* policy) {
    using Identity = std::optional<BrokerIdentity>;
    if (config.broker.remote) return Identity();  // there is none here
    if (::geteuid() != 0) {
        if (config.broker.user)
            return broker_conflict("only a daemon that is root can run capsule-broker as another user", "leave it out");
        return Identity();
    }
    if (!config.broker.user && has_one_user()) return Identity();
    const std::string name = config.broker.user.value_or("capsule-broker");
    const auto found = find_user(name);
    if (!found)
        return broker_conflict("there is no user " + quote(name),
                               "make one that nothing else runs as (useradd --system --no-create-home " +
                                   quotable(name) + "), or name another");
    const SessionUser& user = found->user;
    if (auto one = check_is_one_user("[broker] user", name, user.uid); !one) return one.error();
    if (user.uid == 0) return broker_conflict("capsule-broker does not run as root", "name a user of its own");
    if (user.uid == home.user.uid)
        return broker_conflict("\"" + name + "\" is the sessions' user, whose processes could end the broker",
                               "name a user that nothing else runs as");
    if (policy && policy->names(user.uid))
        return broker_conflict("\"" + name + "\" is named in [access], and whoever works as it could end the broker",
                               "name a user that nothing else runs as");
    return Identity(BrokerIdentity{user.uid, user.gid});
}

/// `home`: none where the sessions' user is not known.
Result<std::vector<std::uint32_t>> upstream_uids(const BrokerConfig& broker, const SessionHome* home) {
    std::vector<std::uint32_t> out;
    for (const std::string& name : broker.upstream_users) {
        const auto uid = find_uid(name);
        if (!uid)
            return Error{ErrorCode::config_conflict, "[broker] upstream_users: there is no user " + quote(name),
                         "name users that exist on this system, or give their numbers"};
        if (auto one = check_is_one_user("[broker] upstream_users", name, *uid); !one) return one.error();
        if (home && !home->same_user && *uid == home->user.uid)
            return Error{ErrorCode::config_conflict,
                         "[broker] upstream_users: \"" + name +
                             "\" is the sessions' user: each agent could listen on the loopback, and get every key",
                         "run what listens there as another user, and name that one"};
        out.push_back(*uid);
    }
    return out;
}

/// Null: the system's.
Result<std::shared_ptr<const std::string>> authorities_of(const BrokerConfig& broker) {
    if (!broker.ca_file) return std::shared_ptr<const std::string>();
    auto read = read_authorities(*broker.ca_file);
    if (!read) return read.error();
    return std::make_shared<const std::string>(*std::move(read));
}

/// Else a broker runs only for sessions of an earlier configuration.
bool runs_broker(const Config& config) {
    return config.session.keys == SessionKeys::broker && !config.broker.remote;
}

Result<void> wait_for(asio::awaitable<Result<void>> check) {
    asio::io_context io;
    Result<void> out;
    asio::co_spawn(io, std::move(check), [&](const std::exception_ptr& thrown, Result<void> result) {
        if (thrown) std::rethrow_exception(thrown);
        out = std::move(result);
    });
    io.run();
    return out;
}

bool needs_broker_user(const Config& config) {
    return config.broker.user || config.session.keys == SessionKeys::broker;
}

/// A connection takes a descriptor, and so does a session that ends with a process. One user's take no more than a part
/// of what the process may open, however it was started. So it is with the broker, which may open as many, and has one
/// to the provider for each.
void fit_into_descriptors(Config& config) {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    const auto part = [&](rlim_t parts) { return std::max<std::uint64_t>(files.rlim_max / parts, 1); };
    const auto fit = [&]<class Number>(const char* name, Number& limit, std::uint64_t most) {
        if (limit <= most) return false;
        spdlog::warn(
            "{} is {} and not {}: only {} files may be open (ulimit -n); raise that: LimitNOFILE= of "
            "the service, --ulimit nofile of the container",
            name, most, limit, files.rlim_max);
        limit = static_cast<Number>(most);
        return true;
    };
    LimitsConfig& limits = config.limits;
    // Who gave one user a larger part did not mean it of so few.
    if (fit("[limits] connections", limits.connections, part(2)))
        fit("[limits] connections_per_user", limits.connections_per_user, one_users_part(limits.connections));
    fit("[limits] sessions_per_user", limits.sessions_per_user, part(8));
    if (runs_broker(config)) fit("[broker] connections", config.broker.connections, part(4));
}

/// Where there is one user, or few that trust one another, it may well be meant so.
void tell_of_large_parts(const LimitsConfig& limits) {
    if (limits.connections_per_user <= one_users_part(limits.connections)) return;
    if (2 * limits.connections_per_user >= places_for(Standing::guest, limits.connections))
        spdlog::warn(
            "[limits] connections_per_user is {}, and connections {}: two users may leave the others none; with a "
            "quarter of connections or less they do not",
            limits.connections_per_user, limits.connections);
}

}  // namespace

Config check_generation(const ConfigSource& source, const std::map<std::string, Secret>& environment,
                        Problems& problems) {
    Config config = load_config(source.path, source.must_exist, problems);
    // Of a file that is wrong only what it says is looked at, not what holds in the place of what it should say.
    const bool is_right = problems.none();
    const auto home = session_home(config, environment);
    if (!home && (is_right || config.session.user)) problems.add(placed(config, home.error()));
    const auto policy = Policy::make(config.access, ::geteuid());
    if (!policy) problems.add(placed(config, policy.error()));
    if (const auto users = upstream_uids(config.broker, home ? &*home : nullptr); !users)
        problems.add(placed(config, users.error()));
    const auto broker = home ? broker_user(config, *home, policy ? &*policy : nullptr)
                             : Result<std::optional<BrokerIdentity>>(home.error());
    if (home && !broker && (config.broker.user || (is_right && needs_broker_user(config))))
        problems.add(placed(config, broker.error()));
    if (!runs_broker(config)) return config;
    const auto trusted = authorities_of(config.broker);
    if (!trusted) problems.add(placed(config, trusted.error()));
    if (trusted && *trusted && broker)
        if (const auto sound = wait_for(check_authorities(*config.broker.ca_file, **trusted, *broker)); !sound)
            problems.add(placed(config, sound.error()));
    return config;
}

Result<std::shared_ptr<const Generation>> load_generation(const ConfigSource& source,
                                                          const std::map<std::string, Secret>& environment) {
    look_for_subordinate_ids();
    auto config = load_config(source.path, source.must_exist);
    if (!config) return config.error();
    fit_into_descriptors(*config);
    tell_of_large_parts(config->limits);
    if (const auto why = why_no_proxy(*config, environment)) spdlog::warn("{}", *why);
    auto home = session_home(*config, environment);
    if (!home) return placed(*config, home.error());
    auto policy = Policy::make(config->access, ::geteuid());
    if (!policy) return placed(*config, policy.error());
    auto broker = broker_user(*config, *home, &*policy);
    if (!broker && needs_broker_user(*config)) return placed(*config, broker.error());
    if (broker && *broker) policy->give_nothing_to((*broker)->uid);
    auto upstream = upstream_uids(config->broker, &*home);
    if (!upstream) return placed(*config, upstream.error());
    auto authorities = authorities_of(config->broker);
    if (!authorities && runs_broker(*config)) return placed(*config, authorities.error());
    std::shared_ptr<HomeWorker> worker, inventory_worker;
    try {
        worker = std::make_shared<HomeWorker>(home->user, home->same_user);
        inventory_worker = std::make_shared<HomeWorker>(home->user, home->same_user);
    } catch (const Failure& failure) {
        return failure.error();
    }
    return std::make_shared<const Generation>(
        Generation{std::move(*config), std::move(*home), std::move(*policy), utc_now(), std::move(worker),
                   std::move(inventory_worker), std::move(broker), std::move(*upstream), std::move(authorities)});
}

std::optional<Error> upstream_conflict(const Generation& generation, uid_t uid) {
    if (uid == ::geteuid()) return std::nullopt;
    const bool is_named = std::ranges::find(generation.upstream_uids, uid) != generation.upstream_uids.end();
    const auto& broker = generation.broker_user;
    if (!is_named && !(broker && *broker && (*broker)->uid == uid)) return std::nullopt;
    return Error{ErrorCode::config_conflict,
                 std::string(is_named ? "[broker] upstream_users" : "[broker] user") + " names uid " +
                     std::to_string(uid) +
                     ", as which the session's agent runs: it could listen on the loopback, and get every key",
                 std::string("let the ") + (is_named ? "provider's server" : "broker") +
                     " run as a user that no agent runs as, and name that one"};
}

asio::awaitable<Result<void>> check_broker(std::shared_ptr<const Generation> loaded,
                                           std::shared_ptr<const Generation> in_force) {
    const Config& config = loaded->config;
    if (!runs_broker(config) || !loaded->broker_user || !loaded->authorities || !*loaded->authorities)
        co_return Result<void>();
    const bool is_known = in_force && runs_broker(in_force->config) && in_force->authorities &&
                          *in_force->authorities && **in_force->authorities == **loaded->authorities;
    if (is_known) co_return Result<void>();
    const auto checked =
        co_await check_authorities(*config.broker.ca_file, **loaded->authorities, *loaded->broker_user);
    co_return checked ? checked : Result<void>(placed(config, checked.error()));
}

Result<void> check_broker_now(std::shared_ptr<const Generation> loaded) {
    return wait_for(check_broker(std::move(loaded), nullptr));
}

}  // namespace capsule
