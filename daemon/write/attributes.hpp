// The extended attributes that a user gave a file (user.*), and its access list, for the file that takes its place.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace capsule {

/// What is copied of one file at most: names and values together, and names.
inline constexpr std::size_t most_attribute_bytes = 64 * 1024;
inline constexpr int most_attributes = 100;

/// Copies them from one open file to another, which its caller's identity may write to. 0, or ETIME where the calling
/// thread's time is up. `not_copied` says in words which of them the other file has not got, and why; it is empty where
/// there are none, and on a file system that has no attributes.
int copy_attributes(int from, int to, std::string& not_copied);

/// The attribute that is a file's access list.
inline constexpr const char* access_list_name = "system.posix_acl_access";

/// It, of an open file. None: it has none. Of one that cannot be read (nobody needs one so long), what no file takes.
std::optional<std::string> access_list_of(int fd);

}  // namespace capsule
