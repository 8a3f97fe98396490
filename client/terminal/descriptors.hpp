// Which descriptors a session is given, and which of them are terminals.
#pragma once

#include <string>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

/// Opens /dev/null as each of 0, 1 and 2 that is closed, so that nothing else takes its number.
void fill_standard_descriptors();

/// /dev/null in the place of each.
void replace_with_nothing(const std::vector<int>& descriptors);

/// Those of 0, 1, 2 and `kept` that are terminals.
std::vector<int> terminals_among(const std::vector<int>& kept);

/// Closes all but 0, 1, 2 and `kept`, which the next execve() then leaves open. At once, and not only at the execve():
/// who becomes another user before that could have them taken from him (pidfd_getfd). Fails with invalid_params when
/// one of `kept` is not open.
Result<void> close_others(std::vector<int> kept);

}  // namespace capsule
