// Secrets that Docker and Kubernetes mount, one file per name.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// `secrets_directory` is /run/secrets outside tests.
std::optional<KeyFinding> docker_secret_source(const std::string& secrets_directory, const std::string& variable);

}  // namespace capsule
