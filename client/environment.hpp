// Which of the caller's own variables a client offers to the daemon (which takes the allowlisted ones).
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace capsule {

struct OfferedEnvironment {
    std::map<std::string, std::string> variables;
    std::vector<std::string> left_out;  ///< held back although their names are harmless: not UTF-8, or too large
};

/// `environment`'s "NAME=VALUE" strings less what cannot or should not be sent: names that are no variable names
/// (exported shell functions), names of secrets (but GH_TOKEN, which [session] passthrough may name), values that are
/// not UTF-8, and, the largest first, whatever does not fit into `limit` bytes of JSON.
OfferedEnvironment offered_environment(const char* const* environment, std::size_t limit);

/// Room for variables within one request line.
inline constexpr std::size_t environment_limit = 192 * 1024;

}  // namespace capsule
