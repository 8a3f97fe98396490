// How an answer's bytes stand for letters: where that is another way than ASCII's, the key cannot be looked for.
#pragma once

#include <string>
#include <string_view>

#include "daemon/broker/body.hpp"

namespace capsule::broker {

/// The first coding that compresses, of however many fields; else the first that has another name than "identity".
std::string_view coding_of(const ResponseHead& head);

/// All types that it says it has; `room` is for those of several fields.
std::string_view types_of(const ResponseHead& head, std::string& room);

/// What charset_of() gives where a charset is named without a name.
inline constexpr std::string_view no_charset = "no charset";

/// A charset in which the key's letters are others than in ASCII, as UTF-16's, or one that may be; empty: none is
/// named. `types`: as types_of() gives them.
std::string_view charset_of(std::string_view types);

/// Whether these bytes of a body are UTF-16 or UTF-32, whatever its head says: there each letter of the key has a NUL
/// beside it, which no other text has. `is_begin`: of the body, where a mark may say so.
bool hides_letters(Body body, std::string_view bytes, bool is_begin);

}  // namespace capsule::broker
