// What the survey of a session's settings tells. Names and paths are up to whoever made the files: a project can have
// megabytes of both, and the answer is written in one go.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Bytes, as JSON, of the settings that are listed: of those that something holds, and of those that nothing does, so
/// that neither hides the other. The rest of each is one entry that says how many.
inline constexpr std::size_t most_found_bytes = 128 * 1024;
/// The same of the warnings.
inline constexpr std::size_t most_warned_bytes = 32 * 1024;

/// A path as messages name it: a repository's file may have any name, and a launcher shows the message as it is.
std::string shown_path(const std::string& path);

class FoundSettings {
  public:
    void add(FoundSetting setting);
    /// Of what the file at `path` has.
    void warn(const std::string& path, Warning warning);

    std::vector<FoundSetting> take();
    /// Ordered by path.
    std::vector<Warning> take_warnings();

  private:
    struct Part {
        std::size_t bytes = 0;
        std::size_t left_out = 0;
    };

    std::vector<FoundSetting> found_;
    Part held_, not_held_;
    std::multimap<std::string, Warning> warnings_;
    std::map<std::string, Part> warned_;  ///< by code
};

}  // namespace capsule
