#include "protocol/utf8.hpp"

#include <algorithm>
#include <array>

namespace capsule {

Utf8Character first_utf8_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80) return {byte(0), 1};
    const std::size_t bytes = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
    if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < bytes) return {};
    char32_t code = byte(0) & (0x7FU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return {};
        code = code << 6U | (byte(i) & 0x3FU);
    }
    constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
    return {code, bytes};
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t bytes = first_utf8_character(text).bytes;
        if (bytes == 0) return false;
        text.remove_prefix(bytes);
    }
    return true;
}

std::string readable_text(std::string_view text, std::size_t most_bytes) {
    std::string out;
    while (!text.empty()) {
        const Utf8Character character = first_utf8_character(text);
        const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.bytes, 1));
        text.remove_prefix(bytes.size());
        if (out.size() + bytes.size() > most_bytes) break;
        const bool control =
            character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0) || turns_text(character.code);
        if (character.bytes == 0)
            out += '?';
        else if (control)
            out += ' ';
        else
            out += bytes;
    }
    return out;
}

}  // namespace capsule
