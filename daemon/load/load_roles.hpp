// A role's manifest: roles/<role>.toml beside capsule.toml.
#pragma once

#include <string>

#include "daemon/config/config.hpp"

namespace capsule {

/// `directory` is that of capsule.toml, with a slash at its end; `manifest` the file's text. The catalog must be read.
/// Throws Failure at the first setting that is wrong.
void read_role_file(const std::string& directory, const std::string& role, const std::string& manifest, Config& config);

}  // namespace capsule
