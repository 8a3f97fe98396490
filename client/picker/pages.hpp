// The picker's two pages, made from the daemon's answers. Pure.
#pragma once

#include <optional>
#include <string>

#include "client/picker/picker_list.hpp"
#include "protocol/auth_messages.hpp"
#include "protocol/provider_messages.hpp"
#include "protocol/status_messages.hpp"

namespace capsule {

/// Which provider: `list`'s choices with label, model and key. `keys` and `status` say what the keys are and which of
/// them are an agent's own account.
PickerPage provider_page(const ProvidersListResult& list, const AuthListResult& keys, const StatusResult& status);

/// Which agent: those that are installed, the rest as refusals. With `provider`, one that it can never serve is
/// refused.
PickerPage agent_page(const StatusResult& status, const std::optional<std::string>& provider);

}  // namespace capsule
