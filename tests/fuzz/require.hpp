// A promise that a fuzz target checks: when it does not hold, libFuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace capsule::fuzz {

inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

}  // namespace capsule::fuzz
