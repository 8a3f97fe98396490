// A machine of the test's own: no network but loopback, and names that all lead there.
#pragma once

#include <string>
#include <vector>

namespace capsule::e2e {

/// Moves this process, which must have one thread only, into new user, network and mount namespaces: it may bind port
/// 443, `names` resolve to 127.0.0.1, and no other name resolves at all. Needs no root. Throws std::runtime_error,
/// saying which kernel setting is in the way.
void enter_namespaces(const std::vector<std::string>& names);

}  // namespace capsule::e2e
