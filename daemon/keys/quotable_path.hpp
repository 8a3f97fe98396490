// A path of which an error tells. Somebody may have written a key in its place, or a program's arguments behind it.
#pragma once

#include <string>

namespace capsule {

/// `path` (absolute) up to its first white space, with "…" for the rest.
std::string without_arguments(const std::string& path);

/// The same where the directory that it names is there, which shows that it is a path; else what quotable() gives.
/// Looks at that directory, so the caller knows that nobody can hold it up.
std::string quotable_path(const std::string& path);

}  // namespace capsule
