// The way to the capsuled that has the keys ([broker] remote).
#pragma once

#include <string>

#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// Without waiting: a capsuled whose queue of connections is full is asked again a little later. Fails with io.error,
/// and where a stranger listens at the path (trusted_server()).
Result<UniqueFd> connect_to_keys(const std::string& path);

}  // namespace capsule
