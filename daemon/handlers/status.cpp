// status: what runs, which keys it has, what each cell is worth, what is wrong. Never waits.
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "capsule_version.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/handlers/session_pipeline.hpp"
#include "daemon/handlers/warnings.hpp"
#include "daemon/keys/key_shape.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

ProviderStatus provider_status(const Services& services, const KeyResolver& keys, const Provider& provider) {
    const KeyFinding finding = keys.find(provider.key_env, {});
    ProviderStatus status{provider.id, provider.label, {std::string(name_of(finding.state)), {}, {}}, {}, {}, {}};
    if (!finding.source.empty()) status.key.source = finding.source;
    const KnownLimits& limits = services.sessions.limits();
    if (finding.state == KeyState::present) {
        // Nearly always nothing is known, and no name of a key has to be made.
        if (limits.any(provider.id)) status.limit = limits.of(provider.id, key_name(finding.value));
        status.key.masked = mask(finding.value);
        status.key.doubtful = key_shape_warning(provider, finding.value).has_value();
        status.usage = known_usage(services, provider, finding.value);
    }
    if (!status.limit && limits.any(provider.id)) status.limit = services.sessions.limit_of_live(provider.id);
    for (const AgentFacts& agent : all_agents)
        status.cells.emplace(agent.id, cell_state(provider, agent.agent, finding.state));
    return status;
}

/// Of a key that another capsuled has. None: that one does not answer, or does not know the provider.
ProviderStatus provider_status(const Provider& provider, const ProviderStatus* there) {
    ProviderStatus status{provider.id, provider.label, {std::string(name_of(KeyState::absent)), {}, {}}, {}, {}, {}};
    if (there) {
        status.key = there->key;
        status.limit = there->limit;
        status.usage = there->usage;
    }
    for (const AgentFacts& agent : all_agents)
        status.cells.emplace(agent.id, cell_state(provider, agent.agent, key_state_named(status.key.state)));
    return status;
}

/// Without waiting for a capsuled that is not there. Fails as RemoteLink does.
asio::awaitable<Result<void>> add_remote_keys(Services& services, std::shared_ptr<const Generation> generation,
                                              std::vector<ProviderStatus>& out) {
    const auto there = co_await remote_providers(services);
    const std::vector<ProviderStatus> none;
    const std::vector<ProviderStatus>& known = there ? *there : none;
    for (const Provider& provider : generation->config.catalog.providers) {
        const auto same = std::ranges::find(known, provider.id, &ProviderStatus::id);
        out.push_back(provider_status(provider, same == known.end() ? nullptr : &*same));
    }
    if (!there) co_return there.error();
    std::chrono::milliseconds limit = remote_soon;
    co_await services.sessions.refresh_counts(ShownModels::first_other, limit);
    co_return Result<void>();
}

/// `status` tells what it can tell soon, whatever holds the home up.
constexpr std::chrono::milliseconds home_limit{2'000};

/// What the session's user has.
struct InTheHome {
    std::array<std::optional<AgentBinary>, all_agents.size()> agents;
    std::vector<Warning> warnings;  ///< of those that were not found
    std::vector<InlineKeys> inline_keys;
};

Result<InTheHome> look_at_home(std::string_view path, const std::vector<InlineKeys>& inline_keys, uid_t user) {
    InTheHome found;
    const HomeVisit visit;
    struct stat status {};
    std::string not_known;
    std::optional<Error> problem;
    for (std::size_t i = 0; i < all_agents.size(); ++i) {
        try {
            BinarySearch search = find_binary(path, all_agents[i].id, user);
            found.agents[i] = std::move(search.binary);
            for (Warning& warning : search.unreachable)
                if (std::ranges::find(found.warnings, warning.message, &Warning::message) == found.warnings.end())
                    found.warnings.push_back(std::move(warning));
        } catch (const Failure& failure) {
            problem = failure.error();
            not_known += (not_known.empty() ? "" : ", ") + std::string(all_agents[i].label);
        }
    }
    if (problem)
        found.warnings.push_back({"home.busy", problem->message + ", so it is not known whether " + not_known +
                                                   " can be started: " + problem->hint});
    for (const InlineKeys& file : inline_keys)
        if (look_up(file.path, status) == 0) found.inline_keys.push_back(file);
    return found;
}

}  // namespace

Handled<StatusResult> handle_status(Services& services, Caller caller, StatusParams params) {
    const auto generation = services.generation;
    StatusResult status;
    status.version = capsule_version;
    status.request_bytes = generation->config.limits.request_bytes;
    status.pid = ::getpid();
    status.uptime_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - services.started).count();
    status.socket = services.socket;
    status.config = config_status(services);

    const std::string path = default_session_path(services, *generation);
    status.path = path;
    Result<InTheHome> looked = InTheHome{};
    if (params.home.value_or(true)) {
        auto look = [path, files = inline_keys(services, *generation), user = generation->home.user.uid] {
            return look_at_home(path, files, user);
        };
        looked =
            co_await generation->worker->run(std::move(look), home_limit, HomeWorker::looking(caller.counted_as()));
    }
    const InTheHome found = looked ? *looked : InTheHome{};
    std::vector<Warning> broken;
    for (std::size_t i = 0; i < all_agents.size(); ++i) {
        const AgentFacts& agent = all_agents[i];
        AgentStatus entry{std::string(agent.id), std::string(agent.label), {}, {}};
        if (const auto& binary = found.agents[i]) {
            entry.binary = binary->path;
            // Where sessions never run, neither do agents to be asked: there may be no place for their files.
            const AgentPlace place{generation->home, generation->inventory_worker, caller.counted_as()};
            if (check_starts_sessions(*generation))
                entry.version = services.inventory.version(agent.agent, *binary, place);
            if (const std::string problem = services.inventory.version_problem(*binary); !problem.empty())
                broken.push_back({"agent.broken", fmt::format("{} does not start: {} --version: {}", agent.label,
                                                              binary->path, problem)});
        }
        status.agents.push_back(std::move(entry));
    }
    Result<void> remote;
    if (keys_are_remote(*generation)) {
        remote = co_await add_remote_keys(services, generation, status.providers);
    } else {
        const KeyResolver keys = resolver(services, *generation);
        for (const Provider& provider : generation->config.catalog.providers)
            status.providers.push_back(provider_status(services, keys, provider));
    }
    status.requests = {services.requests, services.errors};
    status.connections = {services.quotas.open_connections(), generation->config.limits.connections};
    status.broker = services.sessions.broker_status();
    status.warnings = status_warnings(services, *generation, found.inline_keys);
    add_default_warnings(status.warnings, generation->config, [&status](const Provider& provider) {
        const auto same = std::ranges::find(status.providers, provider.id, &ProviderStatus::id);
        return same == status.providers.end() ? KeyState::absent : key_state_named(same->key.state);
    });
    std::move(broken.begin(), broken.end(), std::back_inserter(status.warnings));
    if (const auto& broker = status.broker; broker && !broker->remote && broker->state == "failed")
        status.warnings.push_back(
            {"broker.down", "capsule-broker does not run, so sessions with a token get no answer: " +
                                broker->error.value_or("why is not known")});
    if (const auto problem = services.sessions.storing_problem())
        status.warnings.push_back({"state.unwritable", problem->message + "; " + problem->hint});
    if (keys_are_remote(*generation))
        for (const ProviderStatus& provider : status.providers)
            if (provider.key.state == name_of(KeyState::error))
                status.warnings.push_back(
                    {"key.error", provider.label + ": its key cannot be used; `capsulectl auth` says why"});
    if (!remote) status.warnings.push_back({"keys.unreachable", remote.error().message + "; " + remote.error().hint});
    std::ranges::copy(found.warnings, std::back_inserter(status.warnings));
    if (!looked)
        status.warnings.push_back(
            {"home.busy", looked.error().message + ", so the agents are not known: " + looked.error().hint});
    co_return status;
}

}  // namespace capsule
