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

constexpr std::string_view port_digits = "0123456789";
constexpr std::string_view blanks_and_quotes = " \t\r\n\"'";

/// Without the backslashes that JSON may have before a '/'.
std::string without_escapes(std::string_view value) {
    std::string out;
    for (const char c : value) {
        while (c == '/' && out.ends_with('\\'))
            out.pop_back();
        out += c;
    }
    return out;
}

/// What ends before "://", in small letters.
std::string scheme_at_the_end_of(std::string_view text) {
    const auto is_schemes = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    };
    const auto begin = std::find_if_not(text.rbegin(), text.rend(), [&](char c) { return is_schemes(upper(c)); });
    std::string out(begin.base(), text.end());
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

/// ssh://git@host: a name alone is none of these servers' secrets.
bool has_names_in_clear(std::string_view scheme) {
    constexpr auto those = std::to_array<std::string_view>({"ssh", "sftp", "git", "rsync", "svn"});
    return std::any_of(those.begin(), those.end(), [&](auto each) { return scheme.ends_with(each); });
}

/// Of "[::1]:80" what begins at the ']'; anything else as it is.
std::string_view behind_brackets(std::string_view host) {
    const std::size_t end = host.starts_with('[') ? host.find(']') : host.npos;
    return end == host.npos ? host : host.substr(end);
}

/// Whether it is HOST:PASSWORD, and not HOST:PORT.
bool has_no_port(std::string_view host) {
    host = behind_brackets(host);
    const std::size_t colon = host.find(':');
    return colon != host.npos && host.find_first_not_of(port_digits, colon + 1) != host.npos;
}

/// Whether it begins with HOST:PORT.
bool begins_with_a_port(std::string_view text) {
    text = text.substr(0, text.find_first_of("/?#@"));
    const std::size_t colon = text.rfind(':');
    return colon != text.npos && colon + 1 < text.size() && text.find_first_not_of(port_digits, colon + 1) == text.npos;
}

/// Whether an '@' behind a URL's host ends a password that should have been escaped: it has a '/', a '?' or a '#'. Not
/// where a path or a query usually has one: https://host/@scope/package, https://host/package@version.
bool has_password_in_path(std::string_view url) {
    url = behind_brackets(url);
    const std::size_t colon = url.find(':');
    for (std::size_t at = url.find('@'); at != url.npos; at = url.find('@', at + 1)) {
        if (at > 0 && url[at - 1] == '/') continue;
        if (colon < at || begins_with_a_port(url.substr(at + 1))) return true;
    }
    return false;
}

/// A URL in it with user:password@ or TOKEN@. Takes no longer than the value is long: it may be anybody's.
bool has_password(std::string_view value) {
    const std::size_t last = value.rfind('@');
    if (last == value.npos) return false;
    for (std::size_t at = value.find("://"); at < last; at = value.find("://", at)) {
        const std::string scheme = scheme_at_the_end_of(value.substr(0, at));
        at += 3;
        const std::string_view url =
            value.substr(at, std::min(value.find_first_of(blanks_and_quotes, at), value.size()) - at);
        const std::string_view host = url.substr(0, url.find_first_of("/?#"));
        const std::size_t end = host.rfind('@');
        if (end == host.npos) {
            // The password may have a blank, so any '@' that comes later may end it.
            if (has_no_port(host) || has_password_in_path(url)) return true;
            at += url.size();
        } else {
            if (!has_names_in_clear(scheme) || host.substr(0, end).find(':') != host.npos) return true;
            at += host.size();
        }
    }
    return false;
}

/// A word with user:password@, and no scheme before it.
bool has_password_without_a_scheme(std::string_view value) {
    while (!value.empty()) {
        const std::string_view word = value.substr(0, value.find_first_of(blanks_and_quotes));
        value.remove_prefix(std::min(word.size() + 1, value.size()));
        const std::size_t end = word.rfind('@');
        if (end != word.npos && word.find("://") == word.npos && word.substr(0, end).find(':') != word.npos)
            return true;
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
    const auto says = [&](std::string_view word) { return upper_name.find(word) != upper_name.npos; };
    // user:password@proxy, which some take without a scheme.
    if (says("PROXY") && value.find('@') != value.npos) return true;
    const std::string plain = without_escapes(value);
    const bool is_address = says("URL") || upper_name.ends_with("_URI") || upper_name.ends_with("_DSN");
    return has_password(plain) || (is_address && has_password_without_a_scheme(plain));
}

bool is_of_a_login(std::string_view name) {
    constexpr auto names = std::to_array<std::string_view>(
        {"SSH_AUTH_SOCK", "SSH_AGENT_PID", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
         "GPG_AGENT_INFO", "ICEAUTHORITY", "TMUX", "TMUX_PANE"});
    return name.starts_with("XDG_") || std::ranges::find(names, name) != names.end();
}

}  // namespace capsule
