// What a user's own config.toml says that a session must know of before it starts. Pure.
#pragma once

#include <string_view>

#include "daemon/agents/home_facts.hpp"

namespace capsule {

/// Codex does not start on a user's table of such a name (seen with 0.136 to 0.169): they are its own.
bool is_codex_provider(std::string_view id);

/// Nothing of a text that toml++ cannot read: Codex reads TOML 1.1, so that may still be fine.
CodexUserSettings read_codex_settings(std::string_view config_toml);

}  // namespace capsule
