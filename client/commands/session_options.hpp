// The options that spawn, explain and exec share, and the request that they come to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/commands/command.hpp"

namespace capsule {

struct SessionOptions {
    SpawnParams params;
    std::vector<std::string> env;  ///< --env NAME=VALUE
};

/// Adds AGENT and the options to `command`. AGENT is stored as "" when it is left out.
void add_session_options(CLI::App& command, SessionOptions& options, bool agent_required);

/// The params of spawn: the caller's own environment as offered_environment() has it, with --env's on top; --cwd, else
/// the current directory. What was held back of the environment is told on standard error.
SpawnParams session_params(const SessionOptions& options);

/// Takes the caller's own login variables (XDG_*, SSH_AUTH_SOCK, …) out of what is offered, but for those of --env,
/// where the session would be another user's: the daemon is asked whose. To be called once the agent is known.
ClientResult<void> leave_out_own_login(const Globals& globals, const SessionOptions& options, SpawnParams& params);

/// A warning for each variable of --env that is among `dropped`, those that the daemon did not pass on.
std::vector<Warning> not_passed(const SessionOptions& options, const std::vector<std::string>& dropped);

}  // namespace capsule
