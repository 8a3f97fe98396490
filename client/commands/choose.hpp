// What a command line left open and a person at a terminal may choose: the agent, then the provider.
#pragma once

#include <variant>

#include "client/commands/command.hpp"

namespace capsule {

enum class Asked { no, yes };

/// Asks for what `params` leaves open, by pickers, and fills it in. Nothing is asked where there is nothing to choose,
/// nobody at the terminal, or --json: then a missing agent is a failure, and a missing provider spawn's own default. A
/// default that is configured is taken, and told in one line, unless the provider is to be asked for `always`.
/// Gives an exit code, having said why, when nothing is to be started.
std::variant<Asked, ExitCode> choose(const Globals& globals, SpawnParams& params, bool always);

/// Preselects the session's agent and provider the next time that somebody chooses in `directory`. A memory that cannot
/// be kept is no failure.
void remember(const SpawnResult& session, const std::optional<std::string>& directory);

}  // namespace capsule
