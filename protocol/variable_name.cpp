#include "protocol/variable_name.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace capsule {
namespace {

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// MAX_OUTPUT_TOKENS=64000: a model's tokens, and none that opens anything.
bool counts_tokens(std::string_view name, std::string_view value) {
    constexpr std::size_t most_digits = 9;
    return name.ends_with("_TOKENS") && value.size() <= most_digits &&
           std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_variable_name(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
    return !name.empty() && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool names_a_secret(std::string_view name) {
    std::string text(name);
    std::transform(text.begin(), text.end(), text.begin(), upper);
    constexpr auto endings = std::to_array<std::string_view>({"KEY", "KEYS", "TOKEN", "TOKENS", "_PASS"});
    constexpr auto parts = std::to_array<std::string_view>(
        {"_KEY_", "_TOKEN_", "APIKEY", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"});
    return std::any_of(endings.begin(), endings.end(), [&](auto end) { return text.ends_with(end); }) ||
           std::any_of(parts.begin(), parts.end(), [&](auto part) { return text.find(part) != text.npos; });
}

bool is_secret_variable(std::string_view name, std::string_view value) {
    if (names_a_secret(name)) return !value.empty() && !counts_tokens(name, value);
    std::string upper_name(name);
    std::transform(upper_name.begin(), upper_name.end(), upper_name.begin(), upper);
    // user:password@proxy, which some take without a scheme.
    if (upper_name.ends_with("_PROXY") && value.find('@') != value.npos) return true;
    const std::size_t scheme = value.find("://");
    return scheme != value.npos && value.find('@', scheme) != value.npos;
}

bool is_of_a_login(std::string_view name) {
    constexpr auto names = std::to_array<std::string_view>(
        {"SSH_AUTH_SOCK", "SSH_AGENT_PID", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
         "GPG_AGENT_INFO", "ICEAUTHORITY", "TMUX", "TMUX_PANE"});
    return name.starts_with("XDG_") || std::ranges::find(names, name) != names.end();
}

}  // namespace capsule
