// Sixteen bytes at once, for what every byte of a stream or a head is looked at for.
#pragma once

#include <cstdint>
#include <cstring>

namespace capsule::broker {

using Block = unsigned char __attribute__((vector_size(16)));

inline Block block_at(const char* text) noexcept {
    Block out;
    std::memcpy(&out, text, sizeof out);
    return out;
}

inline Block sixteen(char c) noexcept {
    return Block{} + static_cast<unsigned char>(c);
}

/// Of a comparison of blocks: whether one of the sixteen holds.
template <class Comparison>
bool any_of(const Comparison& comparison) noexcept {
    static_assert(sizeof comparison == sizeof(Block));
    std::uint64_t halves[2];
    std::memcpy(halves, &comparison, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

}  // namespace capsule::broker
