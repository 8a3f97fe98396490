#include "daemon/server/output.hpp"

#include <string.h>

namespace capsule {
namespace {

constexpr std::size_t kept_bytes = 64 * 1024;  ///< a larger buffer is given back when all is sent

}  // namespace

Output::~Output() {
    ::explicit_bzero(bytes_.data(), bytes_.size());
}

void Output::append(std::string_view text) {
    bytes_.append(text);
}

void Output::take(std::string text) {
    if (empty() && text.size() > kept_bytes)
        bytes_ = std::move(text);
    else
        append(text);
}

void Output::sent(std::size_t count) {
    sent_ += count;
    if (!empty()) return;
    ::explicit_bzero(bytes_.data(), bytes_.size());
    bytes_.clear();
    if (bytes_.capacity() > kept_bytes) bytes_.shrink_to_fit();
    sent_ = 0;
}

}  // namespace capsule
