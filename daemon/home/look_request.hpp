// How an agent's program is asked what it is and what it knows.
#pragma once

#include <string>
#include <vector>

#include "daemon/home/inventory.hpp"
#include "daemon/process/subprocess.hpp"

namespace capsule {

/// The program with these arguments, as the user of the place's home, with `directory` for a home of that run. What it
/// leaves running is told in the log, of whoever asked.
SubprocessRequest look_request(const std::vector<std::string>& arguments, const AgentBinary& binary,
                               const AgentPlace& place, const std::string& directory);

}  // namespace capsule
