// For times of hours and days: what a session was used last, how old an answer of a provider is.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace capsule {

/// Nobody can set it, as the clock on the wall is set; it goes on while the machine sleeps, as the steady clock does
/// not; and it means the same to the daemon that is started after this one, until the machine starts anew.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept {
        timespec now{};
        ::clock_gettime(CLOCK_BOOTTIME, &now);
        return time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
    }
    /// Of the time since the machine's start.
    static std::int64_t seconds_of(time_point at) noexcept {
        return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    }
};

}  // namespace capsule
