// `capsulectl auth` as a page. Pure.
#pragma once

#include <string>

#include "client/output.hpp"
#include "protocol/auth_messages.hpp"

namespace capsule {

/// The rows as a table, then how to get the keys that are missing, then warnings; without any key, what to do
/// next.
std::string auth_page(const AuthListResult& list, const Style& style);

/// After auth.set: the row, what is to be known of it, and the command that uses the key.
std::string set_page(const AuthRow& row, const std::optional<AuthScope>& scope, const Style& style);

/// After auth.unset: the row, what was removed, and if another source still has the key, which one and how to remove
/// it there.
std::string unset_page(const AuthRow& row, const Style& style);

}  // namespace capsule
