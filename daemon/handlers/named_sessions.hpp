// The sessions that one warning names.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <string>

#include "protocol/session_messages.hpp"

namespace capsule {

class NamedSessions {
  public:
    /// A SessionRow or a SessionRecord.
    void add(const auto& session) {
        if (++count_ <= most) ids_ += (ids_.empty() ? "" : ", ") + session.id + " (" + session.agent + ")";
    }
    bool any() const { return count_ > 0; }
    std::string text() const { return count_ > most ? fmt::format("{} and {} more", ids_, count_ - most) : ids_; }

  private:
    static constexpr std::size_t most = 8;  // a warning is for reading
    std::size_t count_ = 0;
    std::string ids_;
};

}  // namespace capsule
