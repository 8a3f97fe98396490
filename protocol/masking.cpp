#include "protocol/masking.hpp"

#include <algorithm>
#include <utility>

namespace capsule {
namespace {

/// Bytes of a text that are to be hidden.
struct FoundSecret {
    std::size_t begin, end;
    const HiddenSecret* whole;  ///< where all of it is there and ends here, else null
};

std::size_t size_of(const HiddenSecret* whole) {
    return whole == nullptr ? 0 : whole->secret.size();
}

void find_whole(std::string_view text, const HiddenSecret& hidden, std::vector<FoundSecret>& found) {
    for (std::size_t at = text.find(hidden.secret); at != text.npos; at = text.find(hidden.secret, at + 1))
        found.push_back({at, at + hidden.secret.size(), &hidden});
}

/// A text that was cut, or quotes a long secret by its beginning, does not have all of it.
void find_begun(std::string_view text, std::string_view secret, std::vector<FoundSecret>& found) {
    constexpr std::size_t telling = 16;  // bytes; fewer are words that any text may have
    if (secret.size() <= telling) return;
    const std::string_view begin = secret.substr(0, telling);
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + 1)) {
        const std::string_view rest = text.substr(at);
        const auto end = std::mismatch(rest.begin(), rest.end(), secret.begin(), secret.end()).first;
        found.push_back({at, at + static_cast<std::size_t>(end - rest.begin()), nullptr});
    }
}

/// Joins those that overlap: secrets may begin alike, and one may be in another.
std::vector<FoundSecret> joined_secrets(std::vector<FoundSecret> found) {
    std::ranges::sort(found, {}, &FoundSecret::begin);
    std::vector<FoundSecret> out;
    for (const FoundSecret& each : found) {
        if (out.empty() || each.begin >= out.back().end) {
            out.push_back(each);
            continue;
        }
        FoundSecret& last = out.back();
        const bool is_longer =
            each.end > last.end || (each.end == last.end && size_of(each.whole) > size_of(last.whole));
        if (is_longer) last.whole = each.whole;
        last.end = std::max(last.end, each.end);
    }
    return out;
}

}  // namespace

std::string mask(std::string_view secret) {
    constexpr std::size_t shown = 4;
    // Of a short key, four characters would be too large a part.
    constexpr std::size_t long_enough = 16;
    std::string out = "…";
    if (secret.size() >= long_enough) out += secret.substr(secret.size() - shown);
    return out;
}

std::string hide_secrets(std::string_view text, const std::vector<HiddenSecret>& secrets, Beginnings beginnings) {
    std::vector<FoundSecret> found;
    for (const HiddenSecret& hidden : secrets) {
        if (hidden.secret.empty()) continue;
        find_whole(text, hidden, found);
        if (beginnings == Beginnings::hidden) find_begun(text, hidden.secret, found);
    }
    std::string out;
    std::size_t at = 0;
    for (const FoundSecret& each : joined_secrets(std::move(found))) {
        out += text.substr(at, each.begin - at);
        out += each.whole == nullptr ? mask({}) : each.whole->shown;
        at = each.end;
    }
    out += text.substr(at);
    return out;
}

std::string hide_in_value(std::string_view value, const std::vector<HiddenSecret>& secrets) {
    constexpr std::size_t telling = 8;  // bytes
    std::vector<HiddenSecret> sought;
    for (const HiddenSecret& hidden : secrets) {
        if (value == hidden.secret) return hidden.shown;
        if (hidden.secret.size() >= telling) sought.push_back(hidden);
    }
    return hide_secrets(value, sought, Beginnings::shown);
}

}  // namespace capsule
