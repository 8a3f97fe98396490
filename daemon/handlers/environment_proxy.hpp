// The proxy that the daemon's environment names for capsule-broker.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/base/secret.hpp"
#include "daemon/config/config.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct EnvironmentProxy {
    std::string name;  ///< HTTPS_PROXY or https_proxy
    Secret url;
    Result<void> usable;  ///< fails where capsule-broker cannot use it, as a SOCKS proxy
};

/// None: the environment names none.
std::optional<EnvironmentProxy> environment_proxy(const std::map<std::string, Secret>& environment);

/// For people: why the broker that `config` asks for does not use the environment's proxy. Nothing of the proxy's URL
/// is in it. None: it does, or it needs none.
std::optional<std::string> why_no_proxy(const Config& config, const std::map<std::string, Secret>& environment);

}  // namespace capsule
