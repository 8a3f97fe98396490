// What a name of an environment variable says.
#pragma once

#include <string_view>

namespace capsule {

/// A name that a shell and every agent take: [A-Za-z_][A-Za-z0-9_]*.
bool is_variable_name(std::string_view name);

/// Whether what has this name (a variable, a setting) probably holds a secret: …KEY, …TOKEN, …SECRET…, …PASSWORD… and
/// the like, in any case.
bool names_a_secret(std::string_view name);

/// The same of a variable with this value: nothing and a count of tokens are no secrets, but a URL with a password
/// (http://user:password@proxy) or a token (https://token@host) is. What only may be one counts, too.
bool is_secret_variable(std::string_view name, std::string_view value);

/// What points into somebody's login session (XDG_*, SSH_AUTH_SOCK, DISPLAY, …), which is none of another user's.
bool is_of_a_login(std::string_view name);

}  // namespace capsule
