// How full a plan is, in a word: for the table of `status` and for the picker.
#pragma once

#include <optional>

#include "client/output.hpp"
#include "protocol/usage_messages.hpp"

namespace capsule {

/// Of a window of which so much is used: good, from 80 % on a warning, bad when nothing is left.
Tone plan_tone(int used_percent);

/// "5 hours: 58 % left", of the window of which least is left, and how old that is where the newest question failed;
/// none where nothing is known.
std::optional<Cell> least_left(const ProviderUsage& usage);

}  // namespace capsule
