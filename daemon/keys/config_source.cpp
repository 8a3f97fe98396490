#include "daemon/keys/config_source.hpp"

namespace capsule {

std::optional<KeyFinding> config_source(const EnvTable& table, const std::string& variable, const std::string& scope,
                                        const ValueContext& context) {
    const auto found = table.find(variable);
    if (found == table.end()) return std::nullopt;
    return read_value(found->second, variable, scope, context);
}

}  // namespace capsule
