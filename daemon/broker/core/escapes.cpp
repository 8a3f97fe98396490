#include "daemon/broker/core/escapes.hpp"

#include <algorithm>

#include "daemon/broker/core/hex.hpp"

namespace capsule::broker {
namespace {

struct Entity {
    std::string_view name;
    char c;
};
/// HTML's names of what may stand in a key. PHP's htmlentities() writes them.
constexpr std::array entities{
    Entity{"quot", '"'},   Entity{"amp", '&'},   Entity{"apos", '\''},  Entity{"lt", '<'},     Entity{"gt", '>'},
    Entity{"sol", '/'},    Entity{"plus", '+'},  Entity{"equals", '='}, Entity{"lowbar", '_'}, Entity{"UnderBar", '_'},
    Entity{"period", '.'}, Entity{"colon", ':'}, Entity{"comma", ','},  Entity{"semi", ';'},   Entity{"excl", '!'},
    Entity{"quest", '?'},  Entity{"num", '#'},   Entity{"dollar", '$'}, Entity{"percnt", '%'}, Entity{"lpar", '('},
    Entity{"rpar", ')'},   Entity{"ast", '*'},   Entity{"midast", '*'}, Entity{"commat", '@'}, Entity{"lsqb", '['},
    Entity{"lbrack", '['}, Entity{"rsqb", ']'},  Entity{"rbrack", ']'}, Entity{"bsol", '\\'},  Entity{"Hat", '^'},
    Entity{"grave", '`'},  Entity{"lcub", '{'},  Entity{"lbrace", '{'}, Entity{"rcub", '}'},   Entity{"rbrace", '}'},
    Entity{"verbar", '|'}, Entity{"vert", '|'},
};

constexpr bool is_ascii_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
constexpr bool is_ascii_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

EscapeLayer::Meaning EscapeLayer::of_number(std::string_view digits, unsigned base) {
    unsigned value = 0;
    for (const char c : digits) {
        const int digit = hex_digit(c);
        if (digit < 0 || static_cast<unsigned>(digit) >= base) return {};
        value = value * base + static_cast<unsigned>(digit);
    }
    return {Kind::character, value < 0x80 ? static_cast<char>(value) : '\0'};
}

/// Just `count` hexadecimal ones.
EscapeLayer::Meaning EscapeLayer::of_digits(std::string_view digits, std::size_t count) {
    Meaning out = of_number(digits, 16);
    if (out.kind == Kind::character && digits.size() < count) out.kind = Kind::open;
    return out;
}

/// `text` begins behind the '&'.
EscapeLayer::Meaning EscapeLayer::of_entity(std::string_view text) {
    const bool ended = text.ends_with(';');
    if (ended) text.remove_suffix(1);
    const Meaning more{ended ? Kind::none : Kind::open};
    if (text.starts_with('#')) {
        text.remove_prefix(1);
        const bool hex = text.starts_with('x') || text.starts_with('X');
        if (hex) text.remove_prefix(1);
        if (text.empty()) return more;
        const Meaning out = of_number(text, hex ? 16 : 10);
        return ended || out.kind == Kind::none ? out : more;
    }
    if (!std::ranges::all_of(text, is_ascii_letter)) return {};
    if (!ended) return more;
    const auto* const found = std::ranges::find(entities, text, &Entity::name);
    return found == entities.end() ? Meaning{} : Meaning{Kind::character, found->c};
}

EscapeLayer::Meaning EscapeLayer::meaning() const {
    std::array<char, longest> room{};
    std::ranges::transform(waiting_.begin(), waiting_.begin() + count_, room.begin(), &Character::c);
    const std::string_view text(room.data(), count_);
    Meaning out;
    if (text[0] == '%') {
        out = of_digits(text.substr(1), 2);
    } else if (text[0] == '&') {
        out = of_entity(text.substr(1));
    } else if (text[0] == '\\') {
        if (text.size() == 1) return {Kind::open};
        if (text[1] == 'u')
            out = of_digits(text.substr(2), 4);
        else if (text[1] == 'n' || text[1] == 'r' || text[1] == 't')
            out = {Kind::character, text[1] == 'n' ? '\n' : text[1] == 'r' ? '\r' : '\t'};
        // Their like are no part of a key, nor of base64.
        else if (!is_ascii_letter(text[1]) && !is_ascii_digit(text[1]))
            out = {Kind::character, text[1]};
    }
    if (out.kind == Kind::open && text.size() == longest) return {};
    return out;
}

}  // namespace capsule::broker
