#include "daemon/keys/docker_secret_source.hpp"

#include "daemon/keys/directory_source.hpp"

namespace capsule {

std::optional<KeyFinding> docker_secret_source(const std::string& secrets_directory, const std::string& variable) {
    return directory_source(secrets_directory, variable, secrets_directory + "/" + variable);
}

}  // namespace capsule
