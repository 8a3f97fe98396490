// What a refusal means, for people: the daemon's warnings and the client's pages say it in the same words.
#pragma once

#include <string>

#include "protocol/usage_messages.hpp"

namespace capsule {

/// "the quota of these hours is used up ("…"), until 2026-11-26 05:44:44". A kind of a later version stands for itself.
std::string limit_text(const SessionLimit& limit);

/// "hours used up", for a column.
std::string limit_in_brief(const SessionLimit& limit);

}  // namespace capsule
