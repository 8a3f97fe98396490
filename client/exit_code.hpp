// capsulectl's exit codes: scripts and health checks depend on them.
#pragma once

#include "client/client_error.hpp"

namespace capsule {

enum class ExitCode {
    done = 0,
    failed = 1,
    usage = 2,         ///< also params that the daemon refuses, unknown agents and providers
    unreachable = 3,   ///< no daemon, or one that does not answer in time
    denied = 4,        ///< by the socket's mode or the daemon's policy, or it is another user's daemon
    key_unusable = 5,  ///< absent, or its source failed
    cell_refused = 6,  ///< blocked or unsupported
    config_conflict = 7,
    cancelled = 130,  ///< by the user, as a shell counts SIGINT
};

ExitCode exit_code_for(const ClientError& error) noexcept;

}  // namespace capsule
