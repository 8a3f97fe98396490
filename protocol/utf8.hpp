// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace capsule {

struct Utf8Character {
    char32_t code = 0;
    std::size_t bytes = 0;  ///< 0: the text does not begin with a character
};

/// The first character of a text that is not empty.
Utf8Character first_utf8_character(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace capsule
