// What `capsulectl usage` prints.
#pragma once

#include <ctime>
#include <string>

#include "client/output.hpp"
#include "protocol/usage_messages.hpp"

namespace capsule {

/// A table, the windows of each provider below each other; beneath it what could not be found out.
std::string usage_page(const UsageResult& result, const Style& style, std::time_t now = std::time(nullptr));

}  // namespace capsule
