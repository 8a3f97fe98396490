#include "protocol/framing.hpp"

#include <string.h>

#include <algorithm>

namespace capsule {
namespace {

bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string_view without_carriage_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

LineReader::~LineReader() {
    wipe(buffer_.size());
}

// Lines may hold keys (auth.set, an environment), so no copy of them is left behind.
void LineReader::wipe(std::size_t count) {
    ::explicit_bzero(buffer_.data(), count);
}

void LineReader::drop_handed_out() {
    if (begin_ == 0) return;
    const std::size_t kept = buffer_.size() - begin_;
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.end(), buffer_.begin());
    ::explicit_bzero(buffer_.data() + kept, buffer_.size() - kept);
    buffer_.resize(kept);
    scanned_ -= begin_;
    begin_ = 0;
}

void LineReader::append(std::string_view bytes) {
    if (buffer_.size() + bytes.size() > buffer_.capacity()) {
        std::string larger;
        larger.reserve(std::max(buffer_.capacity() * 2, buffer_.size() + bytes.size()));
        larger = buffer_;
        wipe(buffer_.size());
        buffer_.swap(larger);
    }
    buffer_.append(bytes);
}

std::optional<std::string_view> LineReader::next() {
    for (;;) {
        const std::size_t end = buffer_.find('\n', scanned_);
        if (end == std::string::npos) {
            scanned_ = buffer_.size();
            // Here and not with the next bytes: those may be long in coming.
            drop_handed_out();
            return std::nullopt;
        }
        const auto line = without_carriage_return(std::string_view(buffer_).substr(begin_, end - begin_));
        if (line.size() > limit_) {
            scanned_ = end;  // stays at the front, for too_long()
            return std::nullopt;
        }
        begin_ = scanned_ = end + 1;
        if (!is_blank(line)) return line;
    }
}

std::optional<std::string_view> LineReader::rest() {
    const auto line = without_carriage_return(std::string_view(buffer_).substr(begin_));
    if (line.size() > limit_) return std::nullopt;
    begin_ = scanned_ = buffer_.size();
    if (is_blank(line)) return std::nullopt;
    return line;
}

bool LineReader::too_long() const noexcept {
    const std::string_view front = std::string_view(buffer_).substr(begin_);
    const std::size_t end = buffer_.find('\n', scanned_);
    return without_carriage_return(end == std::string::npos ? front : front.substr(0, end - begin_)).size() > limit_;
}

bool LineReader::partial() const noexcept {
    return begin_ < buffer_.size() && buffer_.find('\n', scanned_) == std::string::npos;
}

}  // namespace capsule
