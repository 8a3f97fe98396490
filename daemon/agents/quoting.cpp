#include "daemon/agents/quoting.hpp"

namespace capsule {

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

char high_digit(char c) {
    return hex_digits[static_cast<unsigned char>(c) >> 4];
}
char low_digit(char c) {
    return hex_digits[static_cast<unsigned char>(c) & 0xf];
}

}  // namespace

bool stays_in_a_file_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += "\\u00";
            out += high_digit(c);
            out += low_digit(c);
        } else {
            out += c;
        }
    }
    return out += '"';
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (stays_in_a_file_name(c)) {
            out += c;
        } else {
            out += '%';
            out += high_digit(c);
            out += low_digit(c);
        }
    }
    return out;
}

}  // namespace capsule
