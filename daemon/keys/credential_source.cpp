#include "daemon/keys/credential_source.hpp"

#include "daemon/keys/directory_source.hpp"

namespace capsule {

std::optional<KeyFinding> credential_source(const std::optional<std::string>& credentials_directory,
                                            const std::string& variable) {
    if (!credentials_directory || credentials_directory->empty()) return std::nullopt;
    return directory_source(*credentials_directory, variable, "systemd credential");
}

}  // namespace capsule
