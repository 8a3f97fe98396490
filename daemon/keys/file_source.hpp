// Keys in the file that <NAME>_FILE names, as many container images have it.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// None when <NAME>_FILE is not set or empty, or the file is empty. A file that is missing is an error: somebody
/// meant it to be there.
std::optional<KeyFinding> file_source(const std::map<std::string, Secret>& environment, const std::string& variable);

}  // namespace capsule
