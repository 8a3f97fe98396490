// Who is in a group.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/common_messages.hpp"

namespace capsule {

/// Bytes. A group may have some ten thousand members.
inline constexpr std::size_t longest_group_entry = 1024 * 1024;

/// Whether only root and `user` are in that group: the file of groups has it under the user's own name (root's as
/// "root") and without other members, and the file of users gives it to nobody else. A group without an entry is the
/// user's where it has the user's number. Users of another service (nsswitch.conf) are in none of these files, so a
/// group with another name may be theirs. False, too, where a file cannot be read to its end.
bool is_private_group(gid_t gid, const SessionUser& user, const std::string& group_file = "/etc/group",
                      const std::string& user_file = "/etc/passwd");

/// Whether this process could give something to that group: it is root, or in the group.
bool can_give_to_group(gid_t gid);

}  // namespace capsule
