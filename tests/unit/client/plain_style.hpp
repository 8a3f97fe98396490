#pragma once

#include "client/output.hpp"

namespace capsule::test {

/// What a pipe gets: no colours, no width.
inline constexpr Style plain{};

}  // namespace capsule::test
