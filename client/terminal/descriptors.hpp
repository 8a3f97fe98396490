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

/// Has the next execve() close all but 0, 1, 2 and `kept`. Fails with invalid_params when one of `kept` is not open.
Result<void> close_others_at_exec(const std::vector<int>& kept);

}  // namespace capsule
