// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsule {

struct Utf8Character {
    char32_t code = 0;
    std::size_t bytes = 0;  ///< 0: the text does not begin with a character
};

/// The first character of a text that is not empty.
Utf8Character first_utf8_character(std::string_view text);

/// `code` is a character: no surrogate, at most U+10FFFF.
void append_utf8(std::string& out, char32_t code);

bool is_utf8(std::string_view text);

/// A text that may hold any bytes, as UTF-8 that loses none: each byte that is no UTF-8 stands there as `backslash`,
/// "x" and two hexadecimal digits. In a JSON text, where such a byte can only be part of a string, `backslash` is
/// escaped_backslash.
std::string with_bytes_escaped(std::string_view text, std::string_view backslash = "\\");
inline constexpr std::string_view escaped_backslash = "\\\\";

/// Whether a character turns the direction in which a terminal or browser shows the text around it.
constexpr bool turns_text(char32_t code) {
    return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

/// Somebody else's text without what would command a terminal: a control character, or one that turns text, becomes
/// `instead`, and a byte that is no UTF-8 "?". Line feeds and tabs stay if `keep_lines`.
std::string harmless_text(std::string_view text, char instead, bool keep_lines = false);

/// The same for a message, at most so many bytes of it, whole characters, with spaces instead.
std::string readable_text(std::string_view text, std::size_t most_bytes);

}  // namespace capsule
