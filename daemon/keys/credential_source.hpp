// systemd's LoadCredential= and SetCredential=.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// None without $CREDENTIALS_DIRECTORY, or when it has no file of that name.
std::optional<KeyFinding> credential_source(const std::optional<std::string>& credentials_directory,
                                            const std::string& variable);

}  // namespace capsule
