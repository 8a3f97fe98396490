// Keys in a directory that has one file per name: systemd's credentials, Docker's and Kubernetes' secrets.
#pragma once

#include "daemon/keys/key_value.hpp"

namespace capsule {

/// Whether there is nothing to look for in `directory`: it is not there, or it is closed to the daemon and so was not
/// made for it. (A file that is closed in a directory that is not was made for it.) One that another user can change is
/// not closed: each look into it says so.
bool is_closed(const std::string& directory);

/// None when `directory`, which is not closed, has no such file, or the file is empty.
std::optional<KeyFinding> directory_source(const std::string& directory, const std::string& variable,
                                           const std::string& source);

}  // namespace capsule
