// Hiding keys of a spawn answer from whoever looks over the shoulder. Pure.
#pragma once

#include <optional>

#include "protocol/spawn_messages.hpp"

namespace capsule {

/// `session` with every secret masked, wherever it stands in env and argv. What is secret, `explanation` says (the same
/// session as the daemon explains it: there a secret's value differs); where it does not, is_secret_variable().
SpawnResult mask_session(SpawnResult session, const std::optional<ExplainResult>& explanation);

}  // namespace capsule
