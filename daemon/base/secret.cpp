#include "daemon/base/secret.hpp"

#include <string.h>

#include <algorithm>
#include <utility>

namespace capsule {

Secret::Secret(std::string_view text) : data_(text.empty() ? nullptr : new char[text.size()]), size_(text.size()) {
    std::copy(text.begin(), text.end(), data_.get());
}

Secret::Secret(const Secret& other) : Secret(other.reveal()) {}

Secret::Secret(Secret&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Secret::~Secret() {
    if (data_) explicit_bzero(data_.get(), size_);
}

bool Secret::same_as(const Secret& other) const noexcept {
    if (size_ != other.size_) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < size_; ++i)
        difference |= static_cast<unsigned>(static_cast<unsigned char>(data_[i] ^ other.data_[i]));
    return difference == 0;
}

std::string mask(std::string_view secret) {
    constexpr std::size_t shown = 4;
    // Of a short key, four characters would be too large a part.
    constexpr std::size_t long_enough = 16;
    std::string out = "…";
    if (secret.size() >= long_enough) out += secret.substr(secret.size() - shown);
    return out;
}

std::string mask(const Secret& secret) {
    return mask(secret.reveal());
}

namespace {

/// Bytes of a text that are to be masked.
struct Found {
    std::size_t begin, end;
    std::string_view whole;  ///< the secret, where all of it is there and ends here
};

void find_whole(std::string_view text, std::string_view secret, std::vector<Found>& found) {
    for (std::size_t at = text.find(secret); at != text.npos; at = text.find(secret, at + 1))
        found.push_back({at, at + secret.size(), secret});
}

/// A text that was cut, or quotes a long secret by its beginning, does not have all of it.
void find_begun(std::string_view text, std::string_view secret, std::vector<Found>& found) {
    constexpr std::size_t telling = 16;  // bytes; fewer are words that any text may have
    if (secret.size() <= telling) return;
    const std::string_view begin = secret.substr(0, telling);
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + 1)) {
        const std::string_view rest = text.substr(at);
        const auto end = std::mismatch(rest.begin(), rest.end(), secret.begin(), secret.end()).first;
        found.push_back({at, at + static_cast<std::size_t>(end - rest.begin()), {}});
    }
}

/// Joins those that overlap: secrets may begin alike, and one may be in another.
std::vector<Found> joined(std::vector<Found> found) {
    std::ranges::sort(found, {}, &Found::begin);
    std::vector<Found> out;
    for (const Found& each : found) {
        if (out.empty() || each.begin >= out.back().end) {
            out.push_back(each);
            continue;
        }
        Found& last = out.back();
        const bool is_longer = each.end > last.end || (each.end == last.end && each.whole.size() > last.whole.size());
        if (is_longer) last.whole = each.whole;
        last.end = std::max(last.end, each.end);
    }
    return out;
}

}  // namespace

std::string redact(std::string_view text, const std::vector<Secret>& secrets) {
    std::vector<Found> found;
    for (const Secret& secret : secrets) {
        if (secret.empty()) continue;
        find_whole(text, secret.reveal(), found);
        find_begun(text, secret.reveal(), found);
    }
    std::string out;
    std::size_t at = 0;
    for (const Found& each : joined(std::move(found))) {
        out += text.substr(at, each.begin - at);
        out += mask(each.whole);
        at = each.end;
    }
    out += text.substr(at);
    return out;
}

}  // namespace capsule
