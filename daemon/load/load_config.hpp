// Reads capsule.toml and roles/*.toml. Whatever is unknown, misspelt or of the wrong type is refused.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config/config.hpp"
#include "daemon/config/problems.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// A role manifest's text by its role.
using RoleTexts = std::map<std::string, std::string>;

/// Pure: `text` is capsule.toml's content, `name` what errors call it ("/etc/capsule/capsule.toml"); origins use the
/// file's last component. Fails with config.conflict and "file:line:column: what is wrong", the line itself, and in
/// the hint the nearest valid name.
Result<Config> parse_config(std::string_view text, std::string_view name, const RoleTexts& roles);

/// The same; adds what is wrong to `problems`, one of each table at least, and gives what is right.
Config parse_config(std::string_view text, std::string_view name, const RoleTexts& roles, Problems& problems);

/// Reads `path` and the roles beside it. No file is a default Config when `must_exist` is false, else config.conflict.
/// As root: a file that another user could change, or put in its place: config.conflict. One that
/// cannot be read, is no regular file, or is larger than 1 MiB: io.error.
Result<Config> load_config(const std::optional<std::string>& path, bool must_exist);
Config load_config(const std::optional<std::string>& path, bool must_exist, Problems& problems);

/// An error that begins with a setting's name, such as "[session] user: …", gets the setting's place in the file.
Error placed(const Config& config, Error error);

/// The built-in catalog, validated like an operator's. Throws Failure when providers.toml itself is wrong.
const Catalog& builtin_catalog();

}  // namespace capsule
