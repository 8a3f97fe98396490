#include "daemon/broker/core/json_escapes.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/utf8.hpp"

namespace capsule::broker {
namespace {

/// Four hexadecimal digits; none: they are not.
std::optional<char32_t> four_digits(std::string_view text) {
    unsigned out = 0;
    if (text.size() < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 4, out, 16);
    if (error != std::errc() || end != text.data() + 4) return std::nullopt;
    return out;
}

/// The character of an escape that begins with "u", whose rest is taken off `text`. What is none is U+FFFD.
char32_t escaped_character(std::string_view& text) {
    constexpr char32_t no_character = 0xFFFD;
    const auto high = four_digits(text.substr(1));
    text.remove_prefix(high ? 5 : 1);
    if (!high || *high < 0xD800 || *high > 0xDFFF) return high.value_or(no_character);
    if (*high > 0xDBFF || !text.starts_with("\\u")) return no_character;
    const auto low = four_digits(text.substr(2));
    if (!low || *low < 0xDC00 || *low > 0xDFFF) return no_character;
    text.remove_prefix(6);
    return 0x10000 + ((*high - 0xD800) << 10U) + (*low - 0xDC00);
}

}  // namespace

std::string unescaped_json(std::string_view json) {
    std::string out;
    while (!json.empty()) {
        const std::size_t plain = std::min(json.find('\\'), json.size());
        out += json.substr(0, plain);
        json.remove_prefix(plain);
        if (json.size() < 2) break;
        json.remove_prefix(1);
        const char c = json.front();
        if (c == 'u') {
            append_utf8(out, escaped_character(json));
            continue;
        }
        out += c == '"' || c == '\\' || c == '/' ? c : ' ';
        json.remove_prefix(1);
    }
    return out;
}

bool is_escaped_letter(std::string_view text) {
    if (!text.starts_with("\\u00")) return false;
    const char32_t c = four_digits(text.substr(2)).value_or(0);
    return (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace capsule::broker
