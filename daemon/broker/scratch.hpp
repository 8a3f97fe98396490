// One buffer for every read of every stream, of the loop's thread: what is in it is passed on or copied before anything
// is waited for.
#pragma once

#include <span>

namespace capsule::broker {

std::span<char> scratch() noexcept;

/// When a key goes: what a provider answered last may have had it.
void wipe_scratch() noexcept;

}  // namespace capsule::broker
