#include "daemon/keys/environment_source.hpp"

namespace capsule {

std::optional<KeyFinding> environment_source(const std::map<std::string, Secret>& environment,
                                             const std::string& variable) {
    const auto found = environment.find(variable);
    if (found == environment.end() || found->second.empty()) return std::nullopt;
    const std::string_view key = without_white_space_behind(found->second.reveal());
    if (key.empty()) return std::nullopt;
    return found_key(Secret(key), variable, "environment", "container");
}

}  // namespace capsule
