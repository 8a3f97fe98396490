// What providers refused last, by the key that they refused it to. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "daemon/base/boot_clock.hpp"
#include "daemon/broker/control.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// A refusal is known until an answer with the same key is fine, or until it must be over: "busy" for five minutes, a
/// window for five hours, a week for a week. A session that has ended leaves behind what it was told.
class KnownLimits {
  public:
    using Clock = BootClock;

    /// `key`: anything that is the same for the same key. Says whether this is news: the first of its kind since an
    /// answer was fine.
    bool learn(const std::string& provider, const std::string& key, const broker::Traffic& traffic,
               Clock::time_point now = Clock::now());

    /// Whether anything is known of a provider, whichever key.
    bool any(const std::string& provider, Clock::time_point now = Clock::now()) const {
        return of(provider, now).has_value();
    }
    /// The latest, whichever key.
    std::optional<SessionLimit> of(const std::string& provider, Clock::time_point now = Clock::now()) const;
    std::optional<SessionLimit> of(const std::string& provider, const std::string& key,
                                   Clock::time_point now = Clock::now()) const;

  private:
    struct Known {
        SessionLimit limit;
        Clock::time_point at;
    };
    static bool holds(const Known& known, Clock::time_point now);

    std::map<std::string, std::map<std::string, Known>> known_;  ///< provider → key
};

/// Whether the last answer of `traffic` was one that no provider gives to whom it refuses.
bool ended_fine(const broker::Traffic& traffic);

}  // namespace capsule
