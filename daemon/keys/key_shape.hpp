// What can be seen of a key without asking anybody.
#pragma once

#include <optional>
#include <string_view>

#include "daemon/base/secret.hpp"
#include "daemon/catalog/catalog.hpp"
#include "protocol/common_messages.hpp"

namespace capsule {

/// What people copy along with a key, or in its place: "has quotes around it". Empty: nothing of the kind.
std::string_view slip_in(std::string_view key);

/// The warning (key.shape) for a key with such a slip, or one that does not begin as this provider's do, or begins
/// as those of another one. None: it looks like a key.
std::optional<Warning> key_shape_warning(const Provider& provider, const Secret& key);

}  // namespace capsule
