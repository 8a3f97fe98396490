// Ids of a user namespace: which ones it has, and what the kernel says in place of those that it has not.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

/// Whether this process's user namespace has that user, or group.
bool has_user(uid_t uid);
bool has_group(gid_t gid);

/// Whether a user namespace with this text in /proc/self/uid_map (or gid_map) knows the id.
bool maps_id(std::string_view map, std::uint32_t id);

/// Whether a user namespace with that uid_map knows every user: then each is said as what it is.
bool maps_every_id(std::string_view map);

/// What the kernel says instead of the id of a user, or group, that this user namespace does not know: a container's
/// user seen from outside, say. Whoever has it may be anybody.
uid_t overflow_uid();
gid_t overflow_gid();

/// Fails with config.conflict where `name`, as `setting` ("[access] spawn") has it, is whom unknown users (groups) look
/// like.
Result<void> check_is_one_user(const std::string& setting, const std::string& name, uid_t uid);
Result<void> check_is_one_group(const std::string& setting, const std::string& name, gid_t gid);

/// The same of the daemon's own user, whom no setting names: config.conflict where others look like it.
Result<void> check_own_user(uid_t uid);

}  // namespace capsule
