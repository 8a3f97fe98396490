// SHA-256 (FIPS 180-4), for sessions' tokens: what is kept of a token, and what capsule-broker knows it by.
//
// libssl has no place in capsuled, which would load it at every start. The kernel's (AF_ALG) is out of reach in many
// containers, whose filters allow no such socket. So it is written out, and tested with the standard's vectors.
#pragma once

#include <string>
#include <string_view>

namespace capsule {

/// 64 hexadecimal digits.
std::string sha256_hex(std::string_view text);

}  // namespace capsule
