#include "daemon/broker/core/error_words.hpp"

#include <algorithm>
#include <array>

#include "daemon/broker/core/blocks.hpp"
#include "daemon/broker/core/json_escapes.hpp"

namespace capsule::broker {
namespace {

constexpr std::size_t shortest_word = 6, longest_word = 11;  ///< of the words
/// With spaces between, a member's name and the "null" behind it take no more; what does is taken for an error.
constexpr std::size_t with_null = 32;

/// What AnswerReader knows an error by. Many answers that are fine have the members, as null.
bool is_word(std::string_view text) {
    for (const std::string_view name : {"\"error\"", "\"code\"", "\"base_resp\""})
        if (text.starts_with(name)) {
            std::string_view value = text.substr(name.size(), with_null);
            const auto skip = [&](std::string_view some) {
                value.remove_prefix(std::min(value.find_first_not_of(some), value.size()));
            };
            skip(" \t\r\n");
            if (value.starts_with(':')) value.remove_prefix(1);
            skip(" \t\r\n");
            return !value.starts_with("null");
        }
    return false;
}

/// Of each of the 16 bytes from there on, whether a word may begin there, or an escape of one of its letters.
auto may_begin(const char* here) {
    const Block first = block_at(here), second = block_at(here + 1), fifth = block_at(here + 4), e = sixteen('e');
    return ((first == sixteen('"')) & (((second == e) & (fifth == sixteen('o'))) |
                                       (((second == sixteen('b')) | (second == sixteen('c'))) & (fifth == e)))) |
           ((first == sixteen('\\')) & (second == sixteen('u')) & (block_at(here + 2) == sixteen('0')));
}

/// Whether a word begins in the first `most` bytes of a text. 64 places at once: a stream is a lot of text.
bool has_word(std::string_view text, std::size_t most) {
    constexpr std::size_t step = 4 * sizeof(Block);
    const auto is_at = [&](std::size_t at) {
        if (text[at] == '\\') return is_escaped_letter(text.substr(at));
        if (text[at] != '"' || text.size() - at <= shortest_word - 1) return false;
        const char second = text[at + 1], fifth = text[at + 4];
        return ((second == 'e' && fifth == 'o') || ((second == 'b' || second == 'c') && fifth == 'e')) &&
               is_word(text.substr(at));
    };
    const std::size_t end = std::min(most, text.size());
    std::size_t at = 0;
    for (; at + step <= end && at + step + shortest_word <= text.size(); at += step) {
        const char* here = text.data() + at;
        if (!any_of(may_begin(here) | may_begin(here + 16) | may_begin(here + 32) | may_begin(here + 48))) continue;
        for (std::size_t i = 0; i < step; ++i)
            if (is_at(at + i)) return true;
    }
    for (; at < end; ++at)
        if (is_at(at)) return true;
    return false;
}

}  // namespace

void ErrorWords::feed(std::string_view piece) {
    if (seen_ || piece.empty()) return;
    if (kept_ > 0) {
        std::array<char, most_kept + longest_word + with_null> room;
        const std::size_t more = std::min(piece.size(), room.size() - kept_);
        std::copy_n(last_.begin(), kept_, room.begin());
        std::copy_n(piece.begin(), more, room.begin() + static_cast<std::ptrdiff_t>(kept_));
        seen_ = has_word(std::string_view(room.data(), kept_ + more), kept_);
    }
    seen_ = seen_ || has_word(piece, piece.size());
    const std::size_t fresh = std::min(piece.size(), most_kept), old = std::min(kept_, most_kept - fresh);
    std::copy_n(last_.begin() + static_cast<std::ptrdiff_t>(kept_ - old), old, last_.begin());
    std::copy_n(piece.end() - static_cast<std::ptrdiff_t>(fresh), fresh,
                last_.begin() + static_cast<std::ptrdiff_t>(old));
    kept_ = old + fresh;
}

}  // namespace capsule::broker
