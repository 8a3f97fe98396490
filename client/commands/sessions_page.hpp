// What `capsulectl sessions` shows.
#pragma once

#include <string>

#include "client/output.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// A line for each session, and what a person should know of it below.
std::string sessions_page(const SessionsListResult& list, const Style& style);

/// 1234 → "1234", 45678 → "45.7k", 1234567 → "1.2M".
std::string count_text(std::uint64_t count);

}  // namespace capsule
