// Whose a key is: that of a role, of a workspace, or of all.
#pragma once

#include <string>
#include <string_view>

#include "daemon/keys/key_resolver.hpp"

namespace capsule {

/// Of two of KeyFinding::scope. A session whose key was found in `began` may have one from there or from a narrower
/// scope. What a wider one has is somebody else's.
bool is_as_narrow(std::string_view now, std::string_view began);

/// Why a session whose key was found in `began` has none, where `scope` gives only a wider one's.
std::string gone_from_scope(std::string_view began, const KeyScope& scope);

inline constexpr std::string_view configure_it_again =
    "configure that key again, or leave the agent and start it again";

}  // namespace capsule
