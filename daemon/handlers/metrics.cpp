// metrics: counts for monitoring, since the daemon's start. Never waits.
#include "capsule_version.hpp"
#include "daemon/handlers/handlers.hpp"

namespace capsule {

Handled<MetricsResult> handle_metrics(Services& services, NoParams) {
    MetricsResult metrics;
    metrics.version = capsule_version;
    metrics.uptime_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - services.started).count();
    metrics.requests = {services.requests, services.errors};
    metrics.connections = {services.quotas.open_connections(), services.generation->config.limits.connections};
    metrics.config_ok = !services.reload_error;
    if (const auto broker = services.sessions.broker_status()) metrics.broker_up = broker->state == "running";
    services.sessions.put_into(metrics);
    co_return metrics;
}

}  // namespace capsule
