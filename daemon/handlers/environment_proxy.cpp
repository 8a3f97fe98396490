#include "daemon/handlers/environment_proxy.hpp"

#include "daemon/base/proxy_url.hpp"

namespace capsule {

std::optional<EnvironmentProxy> environment_proxy(const std::map<std::string, Secret>& environment) {
    for (const char* name : {"HTTPS_PROXY", "https_proxy"}) {
        const auto found = environment.find(name);
        if (found == environment.end() || found->second.empty()) continue;
        const auto read = read_proxy_url(found->second.reveal());
        return EnvironmentProxy{name, found->second, read ? Result<void>() : Result<void>(read.error())};
    }
    return std::nullopt;
}

std::optional<std::string> why_no_proxy(const Config& config, const std::map<std::string, Secret>& environment) {
    const bool has_broker = config.session.keys == SessionKeys::broker && !config.broker.remote;
    if (!has_broker || config.broker.proxy) return std::nullopt;
    const auto proxy = environment_proxy(environment);
    if (!proxy || proxy->usable) return std::nullopt;
    const Error& error = proxy->usable.error();
    return "capsule-broker goes to providers without a proxy: " + proxy->name + " of the daemon's environment " +
           error.message + ". " + error.hint + " Or set [broker] proxy.";
}

}  // namespace capsule
