#include "daemon/agents/codex/config_file.hpp"

#include <charconv>

#include "daemon/edit/toml_text.hpp"

namespace capsule {
namespace {

/// toml++ takes up to eighty bytes of memory for one byte of text. Codex writes some 60 bytes for a project that is
/// trusted.
constexpr std::size_t largest_text = 256 * 1024;
/// toml++ calls itself for each part of a key, and again to free the tables. Codex has no setting of more than five.
constexpr std::size_t longest_key = 32;

}  // namespace

std::optional<std::string> why_not_parsed(std::string_view text) {
    if (text.size() > largest_text) return "it has more than 256 KiB";
    if (has_toml_key_longer_than(text, longest_key)) return "a key in it has more than 32 parts";
    return std::nullopt;
}

toml::parse_result parse_codex_toml(std::string_view text) {
    if (auto why = why_not_parsed(text))
        return toml::parse_result(toml::parse_error(*std::move(why), toml::source_region{}));
    return toml::parse(text);
}

std::string without_escapes(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char kind = text[at] == '\\' && at + 1 < text.size() ? text[at + 1] : ' ';
        const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
        const std::string_view number = digits == 0 ? std::string_view() : text.substr(at + 2, digits);
        unsigned code = 0;
        const auto read = std::from_chars(number.data(), number.data() + number.size(), code, 16);
        const bool is_one = digits > 0 && number.size() == digits && read.ptr == number.data() + digits && code < 0x80;
        out += is_one ? static_cast<char>(code) : text[at];
        if (is_one) at += 1 + digits;
    }
    return out;
}

CodexConfigFile::CodexConfigFile(std::string_view config_toml) : text(config_toml), parsed(parse_codex_toml(text)) {}

}  // namespace capsule
