#include "daemon/keys/environment_source.hpp"

namespace capsule {

std::optional<KeyFinding> environment_source(const std::map<std::string, Secret>& environment,
                                             const std::string& variable) {
    const auto found = environment.find(variable);
    if (found == environment.end() || found->second.empty()) return std::nullopt;
    return found_key(found->second, variable, "environment", "container");
}

}  // namespace capsule
