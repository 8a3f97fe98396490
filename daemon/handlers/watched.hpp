// What an answer is made from that may change without the daemon, and whether every such change will be noticed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/handlers/services.hpp"

namespace capsule {

/// To be made before anything is looked at: what changes from then on is noticed.
class Watched {
  public:
    /// The files that keys may come from are watched at once.
    Watched(Services& services, const Generation& generation);

    /// On the thread, and so with the identity, that will look at it.
    void watch(const std::string& path) { complete_ = changes_.watch(path) && complete_; }
    void watch(const std::vector<std::string>& paths);

    /// Services::changes at the beginning; none when something could change unnoticed.
    std::optional<std::uint64_t> lasting() const { return complete_ ? std::optional(began_) : std::nullopt; }

  private:
    ChangeWatch& changes_;
    std::uint64_t began_;
    bool complete_ = true;
};

}  // namespace capsule
