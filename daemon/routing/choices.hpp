// The picker: which providers a session can be started on, and which it takes when none is named. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/config/config.hpp"
#include "protocol/errors.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// A key's state as far as it is known without waiting.
enum class KeyState { present, absent, ignored, error, unresolved };
std::string_view name_of(KeyState state);

/// Asks for a provider's key.
using KeyStates = std::function<KeyState(const Provider&)>;

/// A key that is there, or may be (op:// not yet read).
bool usable(KeyState state);

/// status' word for a cell: native, ready, no_key, blocked, unsupported.
std::string_view cell_state(const Provider& provider, Agent agent, KeyState key);

/// providers.list's answer. `role` is for the models' names.
ProvidersListResult list_choices(const Config& config, Agent agent, const std::optional<std::string>& role,
                                 const KeyStates& keys);

/// The provider that spawn takes when none is named: the configured default (key.absent when it has no key), else
/// the native one, else the only available one. None available: key.absent; several: invalid_params, naming them.
Result<std::string> default_provider(const Config& config, Agent agent, const KeyStates& keys);

/// "Claude (Z.AI)", or "Claude" when the native account is the only choice.
std::string tab_label(const Config& config, Agent agent, const Provider& provider, const KeyStates& keys);

/// The error for a provider whose key is missing or ignored: what to set and where to get one.
Error key_absent(const Provider& provider, KeyState state);

}  // namespace capsule
