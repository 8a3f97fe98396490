// What many connections took goes back to the system when they have gone: libc keeps what it has freed between what
// lives.
#pragma once

#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace capsule {

class MemoryAfter {
  public:
    void one_has_gone() noexcept { ++gone_; }
    bool is_due() const noexcept { return gone_ >= many; }

    /// To be called some time after it has become due, as it takes milliseconds, and those that are leaving may be
    /// more.
    void give_back() noexcept {
        if (std::exchange(gone_, 0) >= many) ::malloc_trim(0);
    }

  private:
    static constexpr std::uint64_t many = 64;  ///< fewer hold little

    std::uint64_t gone_ = 0;
};

/// After something that took so long: it may have built megabytes of another user's file, and their place lies between
/// what lives.
inline void give_back_if_long(std::chrono::steady_clock::duration took) noexcept {
    constexpr std::chrono::milliseconds long_time{20};
    constexpr std::size_t worth_it = 16 * 1024 * 1024;  ///< bytes that are free and kept
    if (took >= long_time && ::mallinfo2().fordblks >= worth_it) ::malloc_trim(0);
}

}  // namespace capsule
