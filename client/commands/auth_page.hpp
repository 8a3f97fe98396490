// `capsulectl auth` as a page. Pure.
#pragma once

#include <string>

#include "client/output.hpp"
#include "protocol/messages.hpp"

namespace capsule {

/// The rows as a table, then how to get the keys that are missing, then warnings; without any key, what to do
/// next.
std::string auth_page(const AuthListResult& list, const Style& style);

/// After auth.unset: that another source still has the key, which one, and how to remove it there; else nothing.
std::string still_there(const AuthRow& row, const Style& style);

}  // namespace capsule
