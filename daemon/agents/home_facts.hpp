// What a session must know of its user's home before it is rendered. Each agent's folder says what its own file means.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
    bool plugins = false;                ///< it has plugins, or says whether it wants them
    std::optional<Stop> stop{};  ///< the first
};

/// What was read in the home before rendering.
struct HomeFacts {
    bool codex_auth_json = false;
    CodexUserSettings codex_settings{};           ///< of ~/.codex/config.toml
    std::vector<std::string> codex_dotenv_names;  ///< variables that ~/.codex/.env sets
    bool claude_primary_key = false;              ///< .claude.json has a login's own key (primaryApiKey)
};

/// Which of the home's files an agent's facts are read from.
struct HomeFactsNeeded {
    bool codex_home = false;   ///< all that begin with "codex_"
    bool claude_json = false;  ///< claude_primary_key
    /// Takes what matters out of Codex's config.toml. Null: that file is not read.
    void (*note_config_toml)(HomeFacts& facts, std::string_view text) = nullptr;
};

}  // namespace capsule
