#include "daemon/base/http_url.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace capsule {
namespace {

// Not Boost.URL: of Debian 12's version, 1.81, a host name that begins with an IPv4 address (10.0.0.1.nip.io) is
// refused, and port 99999 is not.

constexpr std::uint16_t https_port = 443;
constexpr std::uint16_t http_port = 80;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

/// Also of one that is mapped into IPv6, as ::ffff:127.0.0.1.
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

/// Letters, digits, dots and hyphens, as DNS has them: no label is empty, none begins or ends with a hyphen.
bool is_host_name(std::string_view name) {
    constexpr std::size_t longest = 253;
    if (name.empty() || name.size() > longest) return false;
    const auto sharp = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (!sharp(name.front()) || !sharp(name.back()) || name.find("..") != name.npos) return false;
    return std::ranges::all_of(name, [&](char c) { return sharp(c) || c == '.' || c == '-'; });
}

Error wrong(std::string why) {
    return {ErrorCode::config_conflict, std::move(why),
            "give https://host[:port][/path]; http is for loopback addresses only"};
}

}  // namespace

std::optional<std::uint16_t> port_number(std::string_view text) {
    std::uint16_t out = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, out);
    if (error != std::errc() || end != last || text.starts_with('0')) return std::nullopt;
    return out;
}

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

Result<HttpUrl> read_http_url(std::string_view url) {
    constexpr std::string_view https = "https://";
    constexpr std::string_view http = "http://";
    HttpUrl out;
    out.tls = url.starts_with(https);
    if (!out.tls && !url.starts_with(http)) return wrong("must begin with https://");
    const std::string_view rest = url.substr(out.tls ? https.size() : http.size());
    if (rest.find_first_of("?#") != rest.npos) return wrong("must not have a query or a fragment");
    const std::size_t slash = std::min(rest.find('/'), rest.size());

    std::string_view authority = rest.substr(0, slash);
    if (authority.find('@') != authority.npos) return wrong("must not have a user name or password");
    out.port = out.tls ? https_port : http_port;
    const std::size_t colon = authority.rfind(':');
    if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
        const auto port = port_number(authority.substr(colon + 1));
        if (!port) return wrong("has no valid port");
        out.port = *port;
        authority = authority.substr(0, colon);
    }
    const bool in_brackets = authority.starts_with('[') && authority.ends_with(']');
    out.host = lower(in_brackets ? authority.substr(1, authority.size() - 2) : authority);
    if (in_brackets ? !as_v6(out.host) : !is_host_name(out.host)) return wrong("has no valid host name");
    if (!out.tls && out.host != "localhost" && !is_loopback_address(out.host))
        return wrong("must begin with https:// (http:// is for this machine alone: 127.0.0.1, [::1], localhost)");

    const std::string shown = in_brackets ? "[" + out.host + "]" : out.host;
    out.authority = out.port == (out.tls ? https_port : http_port) ? shown : shown + ":" + std::to_string(out.port);
    out.path = rest.substr(slash);
    return out;
}

bool same_address(std::string_view one, std::string_view other) {
    // As the broker reads it.
    const auto address_of = [](std::string_view url) {
        while (url.ends_with('/'))
            url.remove_suffix(1);
        return read_http_url(url);
    };
    const auto a = address_of(one), b = address_of(other);
    return a && b && a->tls == b->tls && a->host == b->host && a->port == b->port && a->path == b->path;
}

}  // namespace capsule
