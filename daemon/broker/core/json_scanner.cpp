#include "daemon/broker/core/json_scanner.hpp"

#include <algorithm>
#include <cstring>

namespace capsule::broker {
namespace {

/// A longer name is none of those that anybody asks for.
constexpr std::size_t max_name = 48;

constexpr bool ends_scalar(char c) noexcept {
    switch (c) {
        case ',':
        case ']':
        case '}':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case '"':
        case ':':
        case '[':
        case '{':
            return true;
        default:
            return false;
    }
}

}  // namespace

void JsonScanner::reset() {
    in_ = In::structure;
    key_next_ = is_key_ = false;
    depth_ = 0;
    arrays_ = 0;
    path_.clear();
    value_.clear();
}

void JsonScanner::keep(std::string_view part) {
    const std::size_t limit = is_key_ ? max_name : max_value;
    if (reported() && value_.size() < limit) value_.append(part.substr(0, limit - value_.size()));
}

void JsonScanner::feed(std::string_view bytes) {
    std::size_t at = 0;
    std::size_t quote = 0;  // the next one, once it has been looked for; behind it, none is known
    while (at < bytes.size()) {
        switch (in_) {
            case In::structure:
                structure(bytes[at++]);
                break;
            case In::string: {
                // Text is the most of it: as fast as the library looks for a byte.
                if (quote <= at) quote = std::min(bytes.find('"', at), bytes.size());
                std::size_t end = quote;
                if (const void* escape = std::memchr(bytes.data() + at, '\\', quote - at))
                    end = static_cast<std::size_t>(static_cast<const char*>(escape) - bytes.data());
                keep(bytes.substr(at, end - at));
                at = end;
                if (at == bytes.size()) break;
                if (bytes[at] == '\\') {
                    in_ = In::escape;
                    keep(bytes.substr(at, 1));
                } else {
                    end_string();
                }
                ++at;
                break;
            }
            case In::escape:
                keep(bytes.substr(at++, 1));
                in_ = In::string;
                break;
            case In::scalar: {
                const std::string_view rest = bytes.substr(at);
                const std::size_t end =
                    static_cast<std::size_t>(std::ranges::find_if(rest, ends_scalar) - rest.begin());
                keep(rest.substr(0, end));
                at += end;
                if (at < bytes.size()) end_scalar();
                break;
            }
        }
    }
}

void JsonScanner::structure(char c) {
    switch (c) {
        case '{':
            open(false);
            break;
        case '[':
            open(true);
            break;
        case '}':
        case ']':
            close();
            break;
        case '"':
            in_ = In::string;
            is_key_ = key_next_;
            value_.clear();
            break;
        case ',':
            key_next_ = depth_ > 0 && reported() && (arrays_ & (1U << depth_)) == 0;
            break;
        case ':':
            key_next_ = false;
            break;
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            break;
        default:
            in_ = In::scalar;
            is_key_ = false;
            value_.assign(1, c);
    }
}

void JsonScanner::open(bool array) {
    ++depth_;
    key_next_ = false;
    if (!reported()) return;
    starts_[depth_] = static_cast<std::uint16_t>(path_.size());
    const auto bit = static_cast<std::uint8_t>(1U << depth_);
    if (array) {
        arrays_ |= bit;
        path_ += path_.empty() ? "[]" : ".[]";
    } else {
        arrays_ &= static_cast<std::uint8_t>(~bit);
        key_next_ = true;
    }
}

void JsonScanner::close() {
    if (depth_ == 0) return;
    if (reported()) path_.resize(starts_[depth_]);
    --depth_;
    key_next_ = false;
}

void JsonScanner::end_string() {
    in_ = In::structure;
    if (!is_key_) return report(true);
    is_key_ = key_next_ = false;
    if (!reported() || depth_ == 0) return;
    path_.resize(starts_[depth_]);
    if (!path_.empty()) path_ += '.';
    // A dot divides a path: a name that holds one is nobody's.
    path_ += value_.find('.') == std::string::npos ? std::string_view(value_) : "?";
}

void JsonScanner::end_scalar() {
    in_ = In::structure;
    report(false);
}

void JsonScanner::report(bool is_string) {
    if (reported()) found_(context_, path_, value_, is_string);
}

}  // namespace capsule::broker
