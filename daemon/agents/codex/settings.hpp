// What a user's own config.toml says that a session must know of before it starts. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/toml.hpp"

namespace capsule {

/// What a user's own config.toml says.
struct CodexUserSettings {
    /// What keeps Codex from starting at all, on whatever provider (seen with 0.136 to 0.169).
    struct Stop {
        std::size_t line = 0;
        std::string what;
        std::string cure;
    };

    std::string model{};
    std::string model_provider{};
    std::string reasoning_effort{};
    bool plan_reasoning_effort = false;  ///< plan_mode_reasoning_effort is there
    bool model_catalog = false;          ///< model_catalog_json
    bool context_window = false;         ///< model_context_window or model_auto_compact_token_limit
    bool subagent_model = false;         ///< agents.default_subagent_model
    bool subagent_effort = false;        ///< agents.default_subagent_reasoning_effort
    std::string credentials_store{};     ///< cli_auth_credentials_store: where Codex looks for its login
    bool plugins = false;                ///< it has plugins, or says whether it wants them
    std::optional<Stop> stop{};          ///< the first
};

/// Codex does not start on a user's table of such a name (seen with 0.136 to 0.169): they are its own.
bool is_codex_provider(std::string_view id);

/// Nothing of a text that toml++ cannot read: Codex reads TOML 1.1, so that may still be fine.
CodexUserSettings read_codex_settings(const toml::parse_result& config_toml);

}  // namespace capsule
