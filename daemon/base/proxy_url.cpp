#include "daemon/base/proxy_url.hpp"

#include <strings.h>

#include <algorithm>

#include "daemon/base/http_url.hpp"

namespace capsule {
namespace {

constexpr std::string_view scheme = "http://";

Error no_proxy_url() {
    return {ErrorCode::config_conflict, "must be \"http://[USER:PASSWORD@]HOST:PORT\"",
            "What goes to a provider is encrypted on its way through the proxy all the same."};
}

bool has_scheme(std::string_view url) {
    return url.size() > scheme.size() && ::strncasecmp(url.data(), scheme.data(), scheme.size()) == 0;
}

bool has_blank_or_control(std::string_view url) {
    return std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

}  // namespace

Result<ProxyUrl> read_proxy_url(std::string_view url) {
    if (!has_scheme(url) || has_blank_or_control(url)) return no_proxy_url();
    url.remove_prefix(scheme.size());
    const std::size_t slash = std::min(url.find('/'), url.size());
    // Cut there, a part of the password would be the host, and be asked for in DNS.
    if (url.find('@', slash) != url.npos)
        return Error{ErrorCode::config_conflict, "has an '@' behind a '/'",
                     "Write %2F for a '/' in the user name or the password."};
    std::string_view host = url.substr(0, slash);
    ProxyUrl out;
    if (const std::size_t at = host.rfind('@'); at != host.npos) {
        out.credentials = host.substr(0, at);
        host.remove_prefix(at + 1);
    }
    out.port = "80";
    const std::size_t colon = host.rfind(':');
    if (colon != host.npos && host.find(']', colon) == host.npos) {
        out.port = host.substr(colon + 1);
        host = host.substr(0, colon);
        if (!port_number(out.port))
            return Error{ErrorCode::config_conflict, "has no valid port",
                         "Write a number from 1 to 65535 behind the proxy's host: "
                         "\"http://[USER:PASSWORD@]HOST:PORT\"."};
    }
    const bool in_brackets = host.starts_with('[') && host.ends_with(']');
    out.host = in_brackets ? host.substr(1, host.size() - 2) : host;
    if (out.host.empty() || out.host.find_first_of(in_brackets ? "[]?#" : "[]?#:\\") != out.host.npos)
        return no_proxy_url();
    return out;
}

}  // namespace capsule
