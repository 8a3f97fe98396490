// capsulectl from its words to its exit code.
#pragma once

#include <string>
#include <vector>

#include "client/exit_code.hpp"

namespace capsule {

/// `words` are without the program's name. May throw Failure and what the standard library throws.
ExitCode run_capsulectl(const std::vector<std::string>& words);

}  // namespace capsule
