#include "daemon/broker/core/base_url.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "daemon/broker/core/hex.hpp"

namespace capsule::broker {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::optional<in_addr> as_v4(std::string_view host) {
    in_addr v4{};
    if (::inet_pton(AF_INET, std::string(host).c_str(), &v4) == 1) return v4;
    in6_addr v6{};
    if (::inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1 || !IN6_IS_ADDR_V4MAPPED(&v6)) return std::nullopt;
    std::memcpy(&v4, v6.s6_addr + 12, sizeof v4);
    return v4;
}

std::optional<in6_addr> as_v6(std::string_view host) {
    in6_addr v6{};
    if (::inet_pton(AF_INET6, std::string(host).c_str(), &v6) == 1) return v6;
    return std::nullopt;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
    std::uint16_t out = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, out);
    if (error != std::errc() || end != last || out == 0) return std::nullopt;
    return out;
}

Refusal bad_target(std::string_view what) {
    return {
        400, "capsule_bad_target",
        "the request's path " + std::string(what) + ", which is not passed on; ask for a plain path below the base URL",
        0};
}

/// The path with its percent signs decoded once.
Allowed<std::string> decoded_path(std::string_view path) {
    std::string out;
    out.reserve(path.size());
    for (std::size_t at = 0; at < path.size(); ++at) {
        if (path[at] == '\\') return bad_target("has a backslash");
        if (path[at] != '%') {
            out += path[at];
            continue;
        }
        const int high = at + 2 < path.size() ? hex_digit(path[at + 1]) : -1;
        const int low = at + 2 < path.size() ? hex_digit(path[at + 2]) : -1;
        if (high < 0 || low < 0) return bad_target("has a percent sign without two hexadecimal digits");
        const char c = static_cast<char>(high * 16 + low);
        if (c == '/' || c == '\\') return bad_target("has an encoded slash or backslash");
        if (c == '%') return bad_target("has an encoded percent sign");
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad_target("has an encoded control character");
        out += c;
        at += 2;
    }
    return out;
}

Allowed<void> check_segments(std::string_view path) {
    while (!path.empty()) {
        path.remove_prefix(1);  // '/'
        const std::size_t end = std::min(path.find('/'), path.size());
        std::string_view segment = path.substr(0, end);
        const bool last = end == path.size();
        if (segment.empty() && !last) return bad_target("has two slashes in a row");
        // Some servers drop ";…" before they look for dots.
        segment = segment.substr(0, segment.find(';'));
        if (segment == "." || segment == "..") return bad_target("has a segment of dots");
        path.remove_prefix(end);
    }
    return {};
}

}  // namespace

bool is_loopback_address(std::string_view host) noexcept {
    if (const auto v4 = as_v4(host)) return (ntohl(v4->s_addr) >> 24) == 127;
    const auto v6 = as_v6(host);
    return v6 && IN6_IS_ADDR_LOOPBACK(&*v6);
}

bool is_link_local_address(std::string_view host) noexcept {
    if (const auto v4 = as_v4(host)) return (ntohl(v4->s_addr) >> 16) == 0xa9fe;
    const auto v6 = as_v6(host);
    return v6 && IN6_IS_ADDR_LINKLOCAL(&*v6);
}

Allowed<void> check_target(std::string_view target, std::string_view base_path) {
    if (!target.starts_with('/')) return bad_target("is not in origin form");
    if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; }))
        return bad_target("has a character that a URL cannot have");
    const auto path = decoded_path(target.substr(0, target.find('?')));
    if (!path) return path.error();
    if (const auto sound = check_segments(*path); !sound) return sound;
    const std::string_view rest = std::string_view(*path).substr(std::min(base_path.size(), path->size()));
    if (!path->starts_with(base_path) || !(rest.empty() || rest.starts_with('/')))
        return Refusal{403, "capsule_not_this_session",
                       "this session's token is good for its own base URL only; the path asked for is not below it", 0};
    return {};
}

Result<BaseUrl> parse_base_url(std::string_view url) {
    const auto wrong = [](std::string_view why) {
        return Error{ErrorCode::config_conflict, "base_url: " + std::string(why),
                     "give https://host[:port][/path]; http is for loopback addresses only"};
    };
    BaseUrl out;
    if (url.starts_with("https://")) {
        url.remove_prefix(8);
    } else if (url.starts_with("http://")) {
        url.remove_prefix(7);
        out.tls = false;
        out.port = 80;
    } else {
        return wrong("neither https nor http");
    }
    const std::size_t slash = std::min(url.find('/'), url.size());
    std::string_view authority = url.substr(0, slash);
    std::string_view path = url.substr(slash);
    while (path.ends_with('/'))
        path.remove_suffix(1);
    if (authority.find('@') != std::string_view::npos) return wrong("has user information");
    if (path.find('?') != std::string_view::npos) return wrong("has a query");
    if (path.find('%') != std::string_view::npos || (!path.empty() && !check_target(path, "")))
        return wrong("its path is not plain");
    out.path = path;

    std::string_view host = authority;
    std::string_view port;
    const std::size_t bracket = authority.find(']');
    const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos) {
        host = authority.substr(0, colon);
        port = authority.substr(colon + 1);
        const auto number = port_number(port);
        if (!number) return wrong("its port is not a number");
        out.port = *number;
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    out.host = lower(host);
    const bool plain = std::ranges::all_of(out.host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
    });
    if (out.host.empty() || !plain) return wrong("its host is not a name or an address");
    if (!out.tls && out.host != "localhost" && !is_loopback_address(out.host))
        return wrong("http to an address that is not loopback");
    if (is_link_local_address(out.host)) return wrong("a link-local address");
    const std::string shown = out.host.find(':') == std::string::npos ? out.host : "[" + out.host + "]";
    out.authority = out.port == (out.tls ? 443 : 80) ? shown : shown + ":" + std::to_string(out.port);
    return out;
}

bool is_in_no_proxy(std::string_view list, std::string_view host, std::uint16_t port) noexcept {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find_first_of(", "), list.size());
        std::string_view entry = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        if (entry == "*") return true;
        const std::size_t colon = entry.rfind(':');
        if (colon != std::string_view::npos && entry.find(':') == colon) {
            if (port_number(entry.substr(colon + 1)) != port) continue;
            entry = entry.substr(0, colon);
        }
        if (entry.starts_with('*')) entry.remove_prefix(1);
        if (entry.starts_with('.')) entry.remove_prefix(1);
        if (entry.empty() || host.size() < entry.size()) continue;
        const std::string_view tail = host.substr(host.size() - entry.size());
        const bool whole = tail.size() == host.size() || host[host.size() - tail.size() - 1] == '.';
        if (whole && std::ranges::equal(tail, entry, [](char a, char b) { return (a | 32) == (b | 32); })) return true;
    }
    return false;
}

}  // namespace capsule::broker
