#include "protocol/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

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

void append_utf8(std::string& out, char32_t code) {
    const auto rest = [&](unsigned shift) { out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0U | (code >> 6U));
        rest(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0U | (code >> 12U));
        rest(6);
        rest(0);
    } else {
        out += static_cast<char>(0xF0U | (code >> 18U));
        rest(12);
        rest(6);
        rest(0);
    }
}

namespace {

/// How many bytes at the text's beginning are UTF-8. Eight of ASCII are looked at in one step: whole answers are.
std::size_t utf8_prefix(std::string_view text) {
    constexpr std::uint64_t not_ascii = 0x8080808080808080U;
    std::size_t at = 0;
    while (at < text.size()) {
        std::uint64_t eight = not_ascii;
        if (text.size() - at >= sizeof eight) std::memcpy(&eight, text.data() + at, sizeof eight);
        const std::size_t bytes = (eight & not_ascii) == 0 ? sizeof eight : first_utf8_character(text.substr(at)).bytes;
        if (bytes == 0) break;
        at += bytes;
    }
    return at;
}

}  // namespace

bool is_utf8(std::string_view text) {
    return utf8_prefix(text) == text.size();
}

std::string with_bytes_escaped(std::string_view text, std::string_view backslash) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (;;) {
        const std::size_t good = utf8_prefix(text);
        out += text.substr(0, good);
        if (good == text.size()) return out;
        const auto byte = static_cast<unsigned char>(text[good]);
        out.append(backslash).append({'x', digits[byte >> 4U], digits[byte & 0xFU]});
        text.remove_prefix(good + 1);
    }
}

namespace {

std::string harmless_part(std::string_view text, std::size_t most_bytes, char instead, bool keep_lines) {
    std::string out;
    out.reserve(std::min(text.size(), most_bytes));
    while (!text.empty()) {
        const Utf8Character character = first_utf8_character(text);
        const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.bytes, 1));
        text.remove_prefix(bytes.size());
        if (out.size() + bytes.size() > most_bytes) break;
        const bool kept = keep_lines && (character.code == U'\n' || character.code == U'\t');
        // U+0080 to U+009F are obeyed by some terminals as well.
        const bool commands =
            character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0) || turns_text(character.code);
        if (character.bytes == 0)
            out += '?';
        else if (commands && !kept)
            out += instead;
        else
            out += bytes;
    }
    return out;
}

}  // namespace

std::string harmless_text(std::string_view text, char instead, bool keep_lines) {
    return harmless_part(text, std::string_view::npos, instead, keep_lines);
}

std::string readable_text(std::string_view text, std::size_t most_bytes) {
    return harmless_part(text, most_bytes, ' ', false);
}

}  // namespace capsule
