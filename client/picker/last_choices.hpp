// What was picked last, per agent and directory: a small file in the user's state directory. It never holds a key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

struct LastChoice {
    std::string directory;  ///< absolute
    std::string agent;
    std::string provider;

    bool operator==(const LastChoice&) const = default;
};

class LastChoices {
  public:
    static constexpr std::size_t most = 200;  ///< older ones are forgotten

    /// What `path` holds. A file that is not there, cannot be read or is not ours is as good as empty: a memory that is
    /// lost must not keep anybody from starting a session.
    static LastChoices load(const std::string& path);

    std::optional<std::string> agent(std::string_view directory) const;
    std::optional<std::string> provider(std::string_view agent, std::string_view directory) const;

    void remember(LastChoice choice);

    /// Replaces the file at once (0600; missing directories 0700). Fails with io_error.
    Result<void> save(const std::string& path) const;

  private:
    std::vector<LastChoice> choices_;  ///< the newest first
};

}  // namespace capsule
