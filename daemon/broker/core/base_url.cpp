#include "daemon/broker/core/base_url.hpp"

#include <algorithm>

#include "daemon/broker/core/hex.hpp"

namespace capsule::broker {
namespace {

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
        // Some servers take a dot of another script for one, or one that UTF-8 does not allow.
        if (static_cast<unsigned char>(c) >= 0x80) return bad_target("has an encoded character beyond ASCII");
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
        // Some servers drop ";…" before they look for dots. Some that decode first drop "?…" or "#…".
        segment = segment.substr(0, segment.find_first_of(";?#"));
        // Some drop spaces at its end.
        if (!segment.empty() && segment.find_first_not_of(". ") == std::string_view::npos)
            return bad_target("has a segment of dots or spaces alone");
        path.remove_prefix(end);
    }
    return {};
}

}  // namespace

Allowed<void> check_target(std::string_view target, std::string_view base_path) {
    if (!target.starts_with('/')) return bad_target("is not in origin form");
    if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; }))
        return bad_target("has a character that a URL cannot have");
    std::string_view path = target.substr(0, target.find('?'));
    Allowed<std::string> decoded{std::string()};
    if (path.find('%') != path.npos || path.find('\\') != path.npos) {
        decoded = decoded_path(path);
        if (!decoded) return decoded.error();
        path = *decoded;
    }
    if (const auto sound = check_segments(path); !sound) return sound;
    const std::string_view rest = path.substr(std::min(base_path.size(), path.size()));
    if (!path.starts_with(base_path) || !(rest.empty() || rest.starts_with('/')))
        return Refusal{403, "capsule_not_this_session",
                       "this session's token is good for its own base URL only; the path asked for is not below it", 0};
    return {};
}

bool asks_a_model(std::string_view target, std::string_view base_path) noexcept {
    std::string_view path = target.substr(0, target.find('?'));
    path.remove_prefix(std::min(base_path.size(), path.size()));
    if (path.starts_with("/v1/")) path.remove_prefix(3);
    return path == "/messages" || path == "/messages/count_tokens" || path == "/chat/completions" ||
           path == "/responses";
}

Result<BaseUrl> parse_base_url(std::string_view url) {
    const auto wrong = [](std::string_view why) {
        return Error{ErrorCode::config_conflict, "base_url " + std::string(why),
                     "give https://host[:port][/path]; http is for loopback addresses only"};
    };
    while (url.ends_with('/'))
        url.remove_suffix(1);
    auto out = read_http_url(url);
    if (!out) return wrong(out.error().message);
    if (out->path.find('%') != std::string::npos || (!out->path.empty() && !check_target(out->path, "")))
        return wrong("has a path that is not plain");
    if (is_link_local_address(out->host)) return wrong("has a link-local address");
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
