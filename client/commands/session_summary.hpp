// Why a session is what it is, in six lines: `explain` says it of one that would be, `sessions ID` of one that is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/output.hpp"

namespace capsule {

struct SessionSummary {
    std::string agent;
    std::string provider;  ///< and why that one
    std::string host;
    std::string model;
    std::string key;  ///< and its source; never the key itself
    std::string held;
};

/// A line each, wrapped to the terminal.
std::string summary_text(const SessionSummary& summary, const Style& style);

/// "api.z.ai (https://api.z.ai/api/anthropic)".
std::string host_text(const std::optional<std::string>& base_url);

/// "Z.AI, because --provider asked for it"; without the reason where an older daemon gave none.
std::string provider_text(const std::string& provider, const std::optional<Because>& because);

/// Of a session in a workspace or a role: " (workspace acme, role reviewer)".
std::string scope_text(const std::optional<std::string>& workspace, const std::optional<std::string>& role);

/// "1 setting that would have redirected the session; 2 settings could not be held".
std::string held_text(std::uint64_t held, std::uint64_t not_held);

}  // namespace capsule
