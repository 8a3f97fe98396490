// `capsulectl status` as a page, from what the daemon says. Pure.
#pragma once

#include <map>
#include <string>

#include "client/output.hpp"
#include "protocol/provider_messages.hpp"
#include "protocol/status_messages.hpp"

namespace capsule {

/// What each agent would be started on without --provider, by the agent's id; an agent may be missing.
using Defaults = std::map<std::string, ProvidersListResult>;

std::string status_page(const StatusResult& status, const Defaults& defaults, const Style& style);

}  // namespace capsule
