#include "protocol/framing.hpp"

#include <string.h>

#include <algorithm>
#include <utility>

namespace capsule {
namespace {

constexpr std::size_t kept_bytes = 64 * 1024;  ///< a larger buffer is given back when no line waits

bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string_view without_carriage_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

LineReader::~LineReader() {
    ::explicit_bzero(buffer_.data(), end_);
}

// Lines may hold keys (auth.set, an environment), so no copy of them is left behind.
void LineReader::drop_handed_out() {
    if (begin_ == 0) return;
    const std::size_t kept = end_ - begin_;
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), kept, buffer_.begin());
    ::explicit_bzero(buffer_.data() + kept, end_ - kept);
    end_ = kept;
    scanned_ -= begin_;
    begin_ = 0;
    if (end_ == 0 && buffer_.size() > kept_bytes) std::string().swap(buffer_);  // all of it is zeroed: see above
}

std::span<char> LineReader::room(std::size_t size) {
    if (end_ + size > buffer_.size()) {
        std::string larger(std::max(buffer_.size() * 2, end_ + size), '\0');
        std::copy_n(buffer_.begin(), end_, larger.begin());
        ::explicit_bzero(buffer_.data(), end_);
        buffer_.swap(larger);
    }
    return {buffer_.data() + end_, size};
}

void LineReader::append(std::string_view bytes) {
    std::copy(bytes.begin(), bytes.end(), room(bytes.size()).begin());
    added(bytes.size());
}

std::optional<std::string_view> LineReader::next() {
    while (!too_blank()) {
        const std::size_t end = text().find('\n', scanned_);
        if (end == std::string_view::npos) {
            scanned_ = end_;
            // Here and not with the next bytes: those may be long in coming.
            drop_handed_out();
            return std::nullopt;
        }
        const auto line = without_carriage_return(text().substr(begin_, end - begin_));
        if (line.size() > limit_) {
            scanned_ = end;  // stays at the front, for too_long()
            return std::nullopt;
        }
        const std::size_t begin = std::exchange(begin_, end + 1);
        scanned_ = begin_;
        if (is_blank(line)) {
            blank_ += begin_ - begin;
        } else {
            blank_ = 0;
            return line;
        }
    }
    return std::nullopt;
}

std::optional<std::string_view> LineReader::rest() {
    const auto line = without_carriage_return(text().substr(begin_));
    if (too_blank() || line.size() > limit_) return std::nullopt;
    begin_ = scanned_ = end_;
    if (is_blank(line)) return std::nullopt;
    return line;
}

bool LineReader::too_long() const noexcept {
    if (too_blank()) return true;
    const std::string_view front = text().substr(begin_);
    const std::size_t end = text().find('\n', scanned_);
    return without_carriage_return(end == std::string_view::npos ? front : front.substr(0, end - begin_)).size() >
           limit_;
}

bool LineReader::partial() const noexcept {
    return begin_ < end_ && text().find('\n', scanned_) == std::string_view::npos;
}

}  // namespace capsule
