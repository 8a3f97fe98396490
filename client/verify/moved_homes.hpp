// Where the session's directories are in a trial's temporary home: HOME, and those that variables name (CODEX_HOME, …),
// which may be elsewhere.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capsule {

/// The variables that name one, with the place of each below the home when they are not set.
inline constexpr std::pair<std::string_view, std::string_view> variables_of_homes[] = {
    {"CODEX_HOME", ".codex"},
    {"XDG_CONFIG_HOME", ".config"},
    {"CLAUDE_CONFIG_DIR", ".claude"},
    {"XDG_CACHE_HOME", ".cache"},
};

class MovedHomes {
  public:
    /// `env` is the session's.
    MovedHomes(const std::map<std::string, std::string>& env, std::string temporary_home);

    /// Where that file of the session's is in the temporary home; none: it lies elsewhere, and is not to be written.
    std::optional<std::string> moved(std::string_view path) const;
    /// An argument, with the paths in it moved.
    std::string moved_in(std::string text) const;
    /// Where the session has what is at `relative` (".codex/config.toml") below the temporary home.
    std::string real(std::string_view relative) const;

  private:
    std::string temporary_;
    /// Real, and below the temporary home ("" for HOME). The one that is below another comes first.
    std::vector<std::pair<std::string, std::string>> directories_;
};

}  // namespace capsule
