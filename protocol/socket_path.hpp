// Where the socket, the configuration and the state are. Daemon and client share these, so that they agree.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

/// Reads a variable; none if it is unset or empty. Injected, so that these functions stay pure.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view)>;

/// The process's own environment.
std::optional<std::string> process_environment(std::string_view name);

/// `given` (--socket), else CAPSULE_SOCKET, else /run/capsule/capsule.sock for root and
/// $XDG_RUNTIME_DIR/capsule/capsule.sock for others. Fails with io.error when a user who is not root has no
/// XDG_RUNTIME_DIR, and when the path is longer than a socket address holds (107 bytes).
Result<std::string> socket_path(const std::optional<std::string>& given, uid_t uid, const EnvironmentLookup& env);

/// `given` (--config), else CAPSULE_CONFIG, else /etc/capsule/capsule.toml for root and
/// $XDG_CONFIG_HOME/capsule/capsule.toml ($HOME/.config/…) for others; none when not even a home is known.
std::optional<std::string> config_path(const std::optional<std::string>& given, uid_t uid,
                                       const EnvironmentLookup& env);

/// $STATE_DIRECTORY (systemd's; the first of several), else /var/lib/capsule for root and $XDG_STATE_HOME/capsule
/// ($HOME/.local/state/capsule) for others; none when not even a home is known.
std::optional<std::string> state_directory(uid_t uid, const EnvironmentLookup& env);

}  // namespace capsule
