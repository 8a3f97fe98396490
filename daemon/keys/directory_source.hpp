// Keys in a directory that has one file per name: systemd's credentials, Docker's and Kubernetes' secrets.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// None when `directory` has no such file (or is not ours to look into), or the file is empty.
std::optional<KeyFinding> directory_source(const std::string& directory, const std::string& variable,
                                           const std::string& source);

}  // namespace capsule
