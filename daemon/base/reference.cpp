#include "daemon/base/reference.hpp"

#include <algorithm>

namespace capsule {

namespace {

constexpr std::string_view op_scheme = "op://";

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name(std::string_view text) {
    return !text.empty() && is_letter(text.front()) &&
           std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

std::optional<std::string_view> environment_reference(std::string_view value) noexcept {
    if (!value.starts_with('$')) return std::nullopt;
    value.remove_prefix(1);
    if (value.starts_with('{') && value.ends_with('}')) value = value.substr(1, value.size() - 2);
    if (!is_name(value)) return std::nullopt;
    return value;
}

bool is_op_reference(std::string_view value) noexcept {
    return value.starts_with(op_scheme);
}

bool is_well_formed_op_reference(std::string_view value) noexcept {
    if (!is_op_reference(value) || std::ranges::any_of(value, is_control)) return false;
    std::string_view path = value.substr(op_scheme.size());
    path = path.substr(0, path.find('?'));
    int parts = 1;
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
        if (slash == 0) return false;
        path.remove_prefix(slash + 1);
        ++parts;
    }
    return !path.empty() && (parts == 3 || parts == 4);
}

}  // namespace capsule
