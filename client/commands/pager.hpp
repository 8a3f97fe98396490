// Long pages go through a pager on a terminal, as systemctl's and gh's do.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/socket_path.hpp"

namespace capsule {

struct Pager {
    std::string program;  ///< an absolute path
    std::vector<std::string> argv;
    std::vector<std::string> settings;  ///< NAME=VALUE that it is started with, beside or in place of the caller's
    bool with_callers_environment = true;
};

/// The pager of whoever has `env`: CAPSULE_PAGER, else PAGER, else less. Words are split at spaces; no shell reads
/// them. None where one of these is empty or "cat", or there is no such program.
///
/// Root's is less or more, without arguments, from root's own directories and not from PATH, and gets nothing of the
/// environment that could make it run another program: what an agent's user can write, variables with it, makes root
/// start nothing.
std::optional<Pager> pager_of(uid_t uid, const EnvironmentLookup& env);

/// Whether `text` has more lines than a terminal of that size shows at once, a line less for the prompt.
bool needs_pager(std::string_view text, std::size_t columns, std::size_t rows);

/// Writes to standard output, through the pager where that is a terminal which `text` does not fit on. Throws Failure
/// where it cannot be written.
void print_paged(std::string_view text);

}  // namespace capsule
