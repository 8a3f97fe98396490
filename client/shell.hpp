// A session's plan as text for other programs: a POSIX shell, one that reads words.
#pragma once

#include <string>
#include <string_view>

#include "protocol/spawn_messages.hpp"

namespace capsule {

/// One word for a POSIX shell, in single quotes unless it is plainly harmless.
std::string shell_quoted(std::string_view word);

/// `unset` and `export` lines and an `exec` line: eval "$(capsulectl spawn claude --format shell)" becomes the agent.
std::string shell_script(const SpawnResult& session);

/// NAME=VALUE of each variable, then each word of argv, each ended by a NUL. They are to be read, and are no arguments
/// of `env -i`: every user can read a process's arguments.
std::string env0(const SpawnResult& session);

}  // namespace capsule
