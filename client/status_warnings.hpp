// What a status says by its warnings.
#pragma once

#include <algorithm>
#include <string_view>

#include "protocol/status_messages.hpp"

namespace capsule {

inline bool warns_of(const StatusResult& status, std::string_view code) {
    return std::ranges::find(status.warnings, code, &Warning::code) != status.warnings.end();
}

/// Whether an agent without a binary is not installed. If not, it may be where the daemon could not look.
inline bool knows_what_is_installed(const StatusResult& status) {
    return !warns_of(status, "path.unreachable") && !warns_of(status, "home.busy");
}

}  // namespace capsule
