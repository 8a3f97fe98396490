#include "daemon/broker/scratch.hpp"

#include <string.h>

#include <array>

namespace capsule::broker {
namespace {

std::array<char, 64 * 1024> buffer;

}  // namespace

std::span<char> scratch() noexcept {
    return buffer;
}

void wipe_scratch() noexcept {
    ::explicit_bzero(buffer.data(), buffer.size());
}

}  // namespace capsule::broker
