// What Codex's files in the home say that a session must know of before it starts. Pure.
#pragma once

#include <any>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/agents/codex/settings.hpp"
#include "daemon/agents/session.hpp"

namespace capsule {

struct CodexConfigFile;

/// HomeFacts of Codex.
struct CodexHome {
    bool auth_json = false;
    CodexUserSettings settings{};                          ///< of ~/.codex/config.toml
    std::shared_ptr<const CodexConfigFile> config_file{};  ///< that file; none: there is none
    std::vector<std::string> dotenv_names{};               ///< variables that ~/.codex/.env sets
};

inline const CodexHome& codex_home(const HomeFacts& facts) {
    static const CodexHome nothing;
    const auto* own = std::any_cast<CodexHome>(&facts.of(Agent::codex));
    return own ? *own : nothing;
}

std::any look_at_codex_home(const SessionHome& home, const HomeReader& reader);

/// The names of the variables that a dotenv file sets, each once.
std::vector<std::string> dotenv_names(std::string_view text);

}  // namespace capsule
