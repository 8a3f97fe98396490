// What Codex's files in the home say that a session must know of before it starts. Pure.
#pragma once

#include <any>
#include <map>
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
    bool auth_json = false;                                ///< it is there, and Codex looks for its login there
    CodexUserSettings settings{};                          ///< of ~/.codex/config.toml
    std::shared_ptr<const CodexConfigFile> config_file{};  ///< that file; none: there is none
    std::vector<std::string> dotenv_words{};               ///< of ~/.codex/.env: any may be a variable that it sets
    /// config_file and the machine's own, by path: all from which Codex takes providers.
    std::map<std::string, std::shared_ptr<const CodexConfigFile>> provider_files{};
};

/// Codex's configuration that an administrator may have put on this machine.
inline constexpr std::string_view codex_system_file = "/etc/codex/config.toml";
inline constexpr std::string_view codex_managed_file = "/etc/codex/managed_config.toml";
inline constexpr std::string_view codex_machine_files[] = {codex_system_file, codex_managed_file};

inline const CodexHome& codex_home(const HomeFacts& facts) {
    static const CodexHome nothing;
    const auto* own = std::any_cast<CodexHome>(&facts.of(Agent::codex));
    return own ? *own : nothing;
}

/// Where Codex keeps a login.
std::string codex_auth_json(const SessionHome& home);

std::any look_at_codex_home(const SessionHome& home, const HomeReader& reader);

/// The words of a dotenv file, each once. Every variable that it sets is among them, whatever its quotes and comments
/// mean to Codex.
std::vector<std::string> dotenv_words(std::string_view text);

}  // namespace capsule
