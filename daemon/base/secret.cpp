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

/// A text that was cut, or quotes a long secret by its beginning, does not have all of it.
void redact_begun(std::string& text, std::string_view secret) {
    constexpr std::size_t telling = 16;  // bytes; fewer are words that any text may have
    if (secret.size() <= telling) return;
    constexpr std::string_view masked = "…";
    const std::string_view begin = secret.substr(0, telling);
    for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + masked.size())) {
        const std::string_view rest = std::string_view(text).substr(at);
        const auto end = std::mismatch(rest.begin(), rest.end(), secret.begin(), secret.end()).first;
        text.replace(at, static_cast<std::size_t>(end - rest.begin()), masked);
    }
}

}  // namespace

std::string redact(std::string_view text, const std::vector<Secret>& secrets) {
    std::string out(text);
    for (const Secret& secret : secrets) {
        if (secret.empty()) continue;
        const std::string masked = mask(secret);
        for (std::size_t at = out.find(secret.reveal()); at != std::string::npos;
             at = out.find(secret.reveal(), at + masked.size()))
            out.replace(at, secret.reveal().size(), masked);
    }
    for (const Secret& secret : secrets)
        redact_begun(out, secret.reveal());
    return out;
}

}  // namespace capsule
