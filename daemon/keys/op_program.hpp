// Which op is run. It runs as the daemon's user and is given what signs in to 1Password: nobody else may choose it.
#pragma once

#include <optional>
#include <string>

#include "protocol/errors.hpp"

namespace capsule {

/// Where programs are looked for that run as the daemon's user. The daemon's PATH is the sessions' alone.
inline constexpr std::string_view trusted_directories = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The op that `configured` names ([keys] op, an absolute path), else the first in trusted_directories. Fails with
/// key.error: there is none that can be executed, or another user could put another one in its place.
Result<std::string> find_op(const std::optional<std::string>& configured);

/// Whether op, as root, can be told to keep its settings in the directory `path`: nobody else can change it.
/// (OP_CONFIG_DIR, which outranks HOME.)
bool is_ops_to_use(const std::string& path);

/// Which HOME op has, where it reads and writes its settings: the daemon's own, else that of the password file. None:
/// other users could change both directories.
std::optional<std::string> op_home(const std::optional<std::string>& daemons);

}  // namespace capsule
