// How long the calling thread may go on with what it does: for loops over what another user can make as long as he
// likes.
#pragma once

#include <chrono>

namespace capsule {

/// For the calling thread, until it is set again. Without one time is never up.
void set_time_limit(std::chrono::steady_clock::time_point end) noexcept;
bool time_is_up() noexcept;

}  // namespace capsule
