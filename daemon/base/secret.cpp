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

std::string mask(const Secret& secret) {
    return mask(secret.reveal());
}

std::string redact(std::string_view text, const std::vector<Secret>& secrets) {
    std::vector<HiddenSecret> hidden;
    for (const Secret& secret : secrets)
        hidden.push_back({secret.reveal(), mask(secret)});
    return hide_secrets(text, hidden, Beginnings::hidden);
}

}  // namespace capsule
