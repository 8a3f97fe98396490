#include "daemon/catalog/names.hpp"

#include <algorithm>

#include "daemon/base/http_url.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace {

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";

bool is_one_of(char c, std::string_view a, std::string_view b = {}, std::string_view c3 = {}, std::string_view d = {}) {
    return a.find(c) != a.npos || b.find(c) != b.npos || c3.find(c) != c3.npos || d.find(c) != d.npos;
}

bool alphanumeric(char c) {
    return is_one_of(c, lower, upper, digits);
}

/// One letter or digit, then letters, digits and `more`.
bool is_name(std::string_view name, std::string_view more, std::size_t longest) {
    return !name.empty() && name.size() <= longest && alphanumeric(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || is_one_of(c, more); });
}

/// What stands for a byte that is no UTF-8.
constexpr char32_t no_character = 0xFFFFFFFF;

template <class Predicate>
bool any_character(std::string_view text, Predicate predicate) {
    while (!text.empty()) {
        const Utf8Character character = first_utf8_character(text);
        if (predicate(character.bytes == 0 ? no_character : character.code)) return true;
        text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
    }
    return false;
}

bool is_path(std::string_view path) {
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '%') {
            constexpr std::string_view hex = "0123456789abcdefABCDEF";
            if (i + 2 >= path.size() || !is_one_of(path[i + 1], hex) || !is_one_of(path[i + 2], hex)) return false;
        } else if (!alphanumeric(path[i]) && !is_one_of(path[i], "/-._~:@+,;=")) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool is_provider_id(std::string_view id) {
    constexpr std::size_t longest_id = 32;
    return !id.empty() && id.size() <= longest_id && is_one_of(id.front(), lower) &&
           std::all_of(id.begin(), id.end(), [](char c) { return is_one_of(c, lower, digits, "-"); });
}

bool is_scope_name(std::string_view name) {
    return is_name(name, "._-", 64);
}

bool is_profile_name(std::string_view name) {
    return is_name(name, "_-", 64);
}

bool is_npm_package(std::string_view name) {
    constexpr std::size_t longest_package = 214;  // npm's own limit
    if (name.size() > longest_package) return false;
    const auto part = [](std::string_view text) {
        return !text.empty() && is_one_of(text.front(), lower, digits) &&
               std::all_of(text.begin(), text.end(), [](char c) { return is_one_of(c, lower, digits, "._-"); });
    };
    if (!name.starts_with('@')) return part(name);
    const std::size_t slash = name.find('/');
    return slash != name.npos && part(name.substr(1, slash - 1)) && part(name.substr(slash + 1));
}

bool is_model_name(std::string_view model) {
    // The longest of real ones are names of cloud resources with some 130 bytes.
    constexpr std::size_t longest_model = 256;
    return !model.empty() && model.size() <= longest_model && !model.starts_with('-') &&
           !has_control_character(model) && !has_white_space(model) && model.find_first_of("\"'`\\{}") == model.npos;
}

bool is_label(std::string_view text) {
    return !text.empty() && !has_control_character(text) && text.find_first_of("{}") == text.npos;
}

bool has_control_character(std::string_view text) {
    return any_character(text, [](char32_t c) {
        const bool direction_or_line =
            (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF;
        return c < 0x20 || (c >= 0x7F && c < 0xA0) || direction_or_line || c == no_character;
    });
}

bool has_white_space(std::string_view text) {
    return any_character(text, [](char32_t c) {
        return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
               (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
    });
}

std::optional<std::string> base_url_problem(std::string_view url) {
    if (has_control_character(url) || has_white_space(url)) return "has white space or control characters";
    const auto read = read_http_url(url);
    if (!read) return read.error().message;
    if (!is_path(read->path)) return "has characters in its path that must be written as %XX";
    if (read->path.ends_with('/')) return "must not end with '/': the agents append their own path";
    return std::nullopt;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest_shown = 80;
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text.substr(0, longest_shown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            out += "\\x";
            out += hex[byte >> 4U];
            out += hex[byte & 0x0FU];
        } else {
            out += c;
        }
    }
    // Not in the middle of a character: what stands there would be no UTF-8.
    if (text.size() > longest_shown) {
        while ((static_cast<unsigned char>(out.back()) & 0xC0U) == 0x80U)
            out.pop_back();
        if (static_cast<unsigned char>(out.back()) >= 0xC0U) out.pop_back();
        out += "…";
    }
    return out + '"';
}

}  // namespace capsule
