// Keys in [env] tables: capsule.toml's, and those that auth.set stored.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// What a table says of `variable`; none when it does not name it.
std::optional<KeyFinding> config_source(const EnvTable& table, const std::string& variable, const std::string& scope,
                                        const ValueContext& context);

}  // namespace capsule
