// What is known of a provider's key without its value, and what to say of one that is missing.
#pragma once

#include <string>
#include <string_view>

#include "daemon/catalog/catalog.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// A key's state as far as it is known without waiting.
enum class KeyState { present, absent, ignored, error, unresolved };
std::string_view name_of(KeyState state);

/// A key that is there, or may be (op:// not yet read).
bool usable(KeyState state);

/// How its key is given: a command, or its variable.
std::string how_to_set(const Provider& provider);

/// The error for a provider whose key is missing or ignored: what to set and where to get one.
Error key_absent(const Provider& provider, KeyState state);

}  // namespace capsule
