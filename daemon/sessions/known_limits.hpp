// What providers refused last, to a session and to the key that it used. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/boot_clock.hpp"
#include "daemon/broker/control.hpp"
#include "protocol/usage_messages.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {

/// The clock on the wall, to which reset times belong.
UtcTime wall_now();

/// What somebody is refused. It holds until an answer is fine (of that model, where a model is refused), or until it
/// must be over: at its own reset time, and "busy" after five minutes, a window after five hours, a week after a week,
/// or a month where it may be one.
class CurrentLimit {
  public:
    using Clock = BootClock;

    /// Says whether this is news: the first of its kind and model since an answer was fine, and not over already.
    bool learn(const broker::Verdict& verdict, Clock::time_point now, UtcTime wall = wall_now());

    /// Another one in the place of all, which was refused at `since`; none: none.
    void set(std::optional<SessionLimit> limit, Clock::time_point since, Clock::time_point now,
             UtcTime wall = wall_now());

    /// The latest that holds.
    std::optional<SessionLimit> at(Clock::time_point now) const {
        const Held* held = latest(now);
        return held ? std::optional(held->limit) : std::nullopt;
    }
    bool holds(Clock::time_point now) const { return latest(now) != nullptr; }
    Clock::time_point since(Clock::time_point now) const {
        const Held* held = latest(now);
        return held ? held->since : Clock::time_point();
    }

  private:
    struct Held {
        SessionLimit limit;
        Clock::time_point since, until;
    };
    const Held* latest(Clock::time_point now) const;
    struct Told {
        std::string kind;
        std::optional<std::string> model;
        bool operator==(const Told&) const = default;
    };
    void hold(SessionLimit limit, Clock::time_point since, Clock::time_point now, UtcTime wall);

    std::vector<Held> held_;  ///< one of each kind, and of the kind "model" one of each model; the latest is last
    std::vector<Told> told_;  ///< what was news
};

/// By key. A session that has ended leaves behind what it was told.
class KnownLimits {
  public:
    using Clock = BootClock;

    /// What a session of before the daemon's start was refused, where nothing newer is known of that key.
    void restore(const std::string& provider, const std::string& key, const CurrentLimit& limit, Clock::time_point now);

    /// `key`: anything that is the same for the same key. Gives what CurrentLimit::learn() gives.
    bool learn(const std::string& provider, const std::string& key, const broker::Verdict& verdict,
               Clock::time_point now = Clock::now(), UtcTime wall = wall_now());

    /// Whether anything is known of a provider, whichever key.
    bool any(const std::string& provider, Clock::time_point now = Clock::now()) const {
        return of(provider, now).has_value();
    }
    /// The latest, whichever key.
    std::optional<SessionLimit> of(const std::string& provider, Clock::time_point now = Clock::now()) const;
    std::optional<SessionLimit> of(const std::string& provider, const std::string& key,
                                   Clock::time_point now = Clock::now()) const {
        return of_key(provider, key).at(now);
    }
    CurrentLimit of_key(const std::string& provider, const std::string& key) const;

  private:
    std::map<std::string, std::map<std::string, CurrentLimit>> known_;  ///< provider → key
};

}  // namespace capsule
