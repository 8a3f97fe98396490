// What a JSON string's text stands for.
#pragma once

#include <string>
#include <string_view>

namespace capsule::broker {

/// `json` as it stands between the quotes, in which anything can be. Half a pair of escapes, or one without four
/// digits, is U+FFFD; what would break or shift a line is a space. Bytes that are not escaped stay what they are.
std::string unescaped_json(std::string_view json);

/// Whether a text begins with the escape of what names are made of: "\u0065". No serializer writes these, so a name may
/// have them to be another one than it looks like.
bool is_escaped_letter(std::string_view text);

}  // namespace capsule::broker
