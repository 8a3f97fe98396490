// What a peer must be allowed to do for a method.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace capsule {

/// Each tier includes those before it.
enum class Tier { status, spawn, admin };

constexpr std::string_view name_of(Tier tier) noexcept {
    constexpr std::array<std::string_view, 3> names{"status", "spawn", "admin"};
    return names[static_cast<std::size_t>(tier)];
}

}  // namespace capsule
