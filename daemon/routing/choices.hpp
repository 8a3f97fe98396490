// The picker: which providers a session can be started on, and which it takes when none is named. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/catalog/key_state.hpp"
#include "daemon/config/config.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"
#include "protocol/provider_messages.hpp"

namespace capsule {

/// Asks for a provider's key.
using KeyStates = std::function<KeyState(const Provider&)>;

/// status' word for a cell: native, ready, no_key, blocked, unsupported.
std::string_view cell_state(const Provider& provider, Agent agent, KeyState key);

/// providers.list's answer. `role` is for the models' names.
ProvidersListResult list_choices(const Config& config, Agent agent, const std::optional<std::string>& role,
                                 const KeyStates& keys);

/// How a person named the provider to the launcher; as on the wire.
namespace chosen_by {
inline constexpr std::string_view flag = "flag";
inline constexpr std::string_view picker = "picker";
}  // namespace chosen_by

struct ChosenProvider {
    std::string id;
    Because because;
};

/// Which provider a session is on, and why. `asked`: the request's, which is not looked at here; none: as
/// default_provider() has it. `chosen_by`: the launcher's word for how `asked` was chosen (flag, picker), since it
/// alone knows.
Result<ChosenProvider> choose_provider(const Config& config, Agent agent, const std::optional<std::string>& asked,
                                       const std::optional<std::string>& chosen_by, const KeyStates& keys);

/// The provider that spawn takes when none is named: the configured default (key.absent when it has no key), else
/// the native one, else the only available one. None available: key.absent; several: invalid_params, naming them.
Result<std::string> default_provider(const Config& config, Agent agent, const KeyStates& keys);

/// "Claude (Z.AI)", or "Claude" when the native account is the only choice.
std::string tab_label(const Config& config, Agent agent, const Provider& provider, const KeyStates& keys);

}  // namespace capsule
