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

/// A warning for each variable of --env that is among `dropped`, those that the daemon did not pass on.
std::vector<Warning> not_passed(const SessionOptions& options, const std::vector<std::string>& dropped);

}  // namespace capsule
