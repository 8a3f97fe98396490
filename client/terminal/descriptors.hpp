// Which descriptors a session is given, and which of them are terminals.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

/// Opens /dev/null as each of 0, 1 and 2 that is closed, so that nothing else takes its number.
void fill_standard_descriptors();

/// /dev/null in the place of each; where that cannot be opened, nothing is there.
void replace_with_nothing(const std::vector<int>& descriptors);

/// Fails with invalid_params when one of `kept` is not open. To be asked before this program opens any of its own.
Result<void> check_open(const std::vector<int>& kept);

/// /dev/null in the place of those of 0, 1, 2 and `kept` that only name a terminal (O_PATH): nobody can read or write
/// by them, but whoever may open the terminal can do so by its name in /proc.
void replace_names_of_terminals(const std::vector<int>& kept);

/// Those of 0, 1, 2 and `kept` that are terminals.
std::vector<int> terminals_among(const std::vector<int>& kept);

/// Refuses 0, 1, 2 and `kept` where one is a network socket that another user than `uid` made. The kernel shows that
/// user as whoever listens with it: a process of `uid` could listen at a provider's port as root, and be sent its key.
/// And a Unix socket at which another user listens: SO_PEERCRED says that user to whoever connects.
Result<void> check_sockets(const std::vector<int>& kept, std::uint32_t uid);

/// Closes all but 0, 1, 2 and `kept`, which the next execve() then leaves open. At once, and not only at the execve():
/// who becomes another user before that could have them taken from him (pidfd_getfd).
void close_others(const std::vector<int>& kept);

/// Closes all but `kept`, also 0, 1 and 2.
void close_all_but(std::vector<int> kept);

}  // namespace capsule
