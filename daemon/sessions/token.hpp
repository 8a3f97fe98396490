// What is made of random bytes: sessions' tokens and ids.
#pragma once

#include <string>

#include "daemon/base/secret.hpp"

namespace capsule {

/// "cst_" and 43 characters of base64url: 256 random bits from the kernel. Throws Failure when it has none to give.
Secret make_token();

/// Ten characters of [a-z2-7], for people to type; it opens nothing.
std::string make_session_id();

}  // namespace capsule
