// reload: the configuration anew, or the old one kept and the reason told.
#include "daemon/handlers/handlers.hpp"
#include "daemon/process/systemd.hpp"

namespace capsule {

ConfigStatus config_status(const Services& services) {
    return {services.generation->config.path, services.generation->loaded_at, !services.reload_error,
            services.reload_error};
}

Handled<ConfigStatus> handle_reload(Services& services, NoParams) {
    notify_reloading();
    const auto reloaded = co_await reload_configuration(services);
    notify_ready(reloaded ? "serving" : "serving the older configuration: the reload failed");
    if (!reloaded) co_return reloaded.error();
    co_await services.sessions.refresh_keys();
    co_return config_status(services);
}

}  // namespace capsule
