// What providers refused last, to a session and to the key that it used. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/boot_clock.hpp"
#include "daemon/broker/control.hpp"
#include "protocol/messages.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {

/// The clock on the wall, to which reset times belong.
UtcTime wall_now();

/// What somebody is refused. It holds until an answer is fine, or until it must be over: at its own reset time, and
/// "busy" after five minutes, a window after five hours, a week after a week.
class CurrentLimit {
  public:
    using Clock = BootClock;

    /// Says whether this is news: the first of its kind since an answer was fine, and not over already.
    bool learn(const broker::Traffic& traffic, Clock::time_point now, UtcTime wall = wall_now());

    /// Another one in its place, which was refused at `since`; none: none.
    void set(std::optional<SessionLimit> limit, Clock::time_point since, Clock::time_point now,
             UtcTime wall = wall_now());

    std::optional<SessionLimit> at(Clock::time_point now) const {
        return holds(now) ? limit_ : std::optional<SessionLimit>();
    }
    bool holds(Clock::time_point now) const { return limit_ && now < until_; }
    Clock::time_point since() const noexcept { return since_; }

  private:
    std::optional<SessionLimit> limit_;
    Clock::time_point since_{};
    Clock::time_point until_{};
    std::vector<std::string> told_;  ///< kinds that were news
};

/// By key. A session that has ended leaves behind what it was told.
class KnownLimits {
  public:
    using Clock = BootClock;

    /// What a session of before the daemon's start was refused, where nothing newer is known of that key.
    void restore(const std::string& provider, const std::string& key, const CurrentLimit& limit, Clock::time_point now);

    /// `key`: anything that is the same for the same key. Gives what CurrentLimit::learn() gives.
    bool learn(const std::string& provider, const std::string& key, const broker::Traffic& traffic,
               Clock::time_point now = Clock::now(), UtcTime wall = wall_now());

    /// Whether anything is known of a provider, whichever key.
    bool any(const std::string& provider, Clock::time_point now = Clock::now()) const {
        return of(provider, now).has_value();
    }
    /// The latest, whichever key.
    std::optional<SessionLimit> of(const std::string& provider, Clock::time_point now = Clock::now()) const;
    std::optional<SessionLimit> of(const std::string& provider, const std::string& key,
                                   Clock::time_point now = Clock::now()) const;

  private:
    std::map<std::string, std::map<std::string, CurrentLimit>> known_;  ///< provider → key
};

}  // namespace capsule
