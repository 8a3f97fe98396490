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

/// Whether it is HOST:PASSWORD, and not HOST:PORT.
bool has_no_port(std::string_view host) {
    const std::size_t colon = host.find(':');
    return colon != host.npos && host.find_first_not_of("0123456789", colon + 1) != host.npos;
}

/// A URL in it with user:password@, or TOKEN@ of http(s). Not: ssh://git@host/…, https://host/@scope/package. A
/// password may have a '/' that should be written %2F.
bool has_password(std::string_view value) {
    for (std::size_t at = value.find("://"); at != value.npos; at = value.find("://", at + 1)) {
        std::string_view user = value.substr(at + 3);
        const bool has_end_later = user.find('@') != user.npos;
        user = user.substr(0, user.find_first_of("/? \t\r\n\"'"));
        const std::size_t end = user.rfind('@');
        if (end == user.npos && has_end_later && has_no_port(user)) return true;
        if (end == user.npos) continue;
        const std::string_view scheme = value.substr(0, at);
        const bool of_http = scheme.ends_with("http") || scheme.ends_with("https");
        if (of_http || user.substr(0, end).find(':') != user.npos) return true;
    }
    return false;
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
    constexpr auto endings =
        std::to_array<std::string_view>({"KEY", "KEYS", "TOKEN", "TOKENS", "_PASS", "_PWD", "_HEADERS"});
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
    return has_password(value);
}

bool is_of_a_login(std::string_view name) {
    constexpr auto names = std::to_array<std::string_view>(
        {"SSH_AUTH_SOCK", "SSH_AGENT_PID", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
         "GPG_AGENT_INFO", "ICEAUTHORITY", "TMUX", "TMUX_PANE"});
    return name.starts_with("XDG_") || std::ranges::find(names, name) != names.end();
}

}  // namespace capsule
