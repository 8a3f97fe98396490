// status: what runs, which keys it has, what each cell is worth, what is wrong. Never waits.
#include <unistd.h>

#include "capsule_version.hpp"
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_pipeline.hpp"
#include "daemon/handlers/warnings.hpp"

namespace capsule {
namespace {

ProviderStatus provider_status(const KeyResolver& keys, const Provider& provider) {
    const KeyFinding finding = keys.find(provider.key_env, {});
    ProviderStatus status{provider.id, provider.label, {std::string(name_of(finding.state)), {}, {}}, {}};
    if (!finding.source.empty()) status.key.source = finding.source;
    if (finding.state == KeyState::present) status.key.masked = mask(finding.value);
    for (const AgentFacts& agent : all_agents)
        status.cells.emplace(agent.id, cell_state(provider, agent.agent, finding.state));
    return status;
}

}  // namespace

Handled<StatusResult> handle_status(Services& services, NoParams) {
    const auto generation = services.generation;
    StatusResult status;
    status.version = capsule_version;
    status.pid = ::getpid();
    status.uptime_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - services.started).count();
    status.socket = services.socket;
    status.config = config_status(services);

    const std::string path = default_session_path(services, *generation);
    for (const AgentFacts& agent : all_agents) {
        AgentStatus entry{std::string(agent.id), std::string(agent.label), {}, {}};
        const auto binary = co_await generation->worker->run([&] { return find_binary(path, agent.id); });
        if (binary) {
            entry.binary = binary->path;
            entry.version = services.inventory.version(agent.agent, *binary, generation->home, path);
        }
        status.agents.push_back(std::move(entry));
    }
    const KeyResolver keys = resolver(services, *generation);
    for (const Provider& provider : generation->config.catalog.providers)
        status.providers.push_back(provider_status(keys, provider));
    status.requests = {services.requests, services.errors};
    status.connections = {services.open_connections, generation->config.limits.connections};
    const bool opencode_json = co_await generation->worker->run(
        [&] { return ::access(generation->home.opencode_json().c_str(), F_OK) == 0; });
    status.warnings = status_warnings(services, *generation, opencode_json);
    co_return status;
}

}  // namespace capsule
