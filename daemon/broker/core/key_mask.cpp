#include "daemon/broker/core/key_mask.hpp"

#include <string.h>

#include <algorithm>

namespace capsule::broker {
namespace {

void mask_span(std::string& text, const std::optional<KeyFinder::Span>& found) {
    if (!found) return;
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(found->begin),
              text.begin() + static_cast<std::ptrdiff_t>(found->end), '*');
}

void mask_all(std::string& text, KeyFinder& finder) {
    for (std::size_t i = 0; i < text.size(); ++i)
        mask_span(text, finder.feed(text[i]));
    mask_span(text, finder.finish());
}

bool is_base64url(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/// Also of those whose end was cut.
void mask_tokens(std::string& text) {
    constexpr std::string_view begin = "cst_";
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at))
        for (at += begin.size(); at < text.size() && is_base64url(text[at]); ++at)
            text[at] = '*';
}

/// Providers show parts of a key, "sk-FAKE********cdef". Of those, too, four characters stay.
void mask_parts(std::string& text, std::string_view key) {
    constexpr std::size_t shown = 4, telling = 6;  // characters at its end; how many make a word one of the key
    const auto is_of_word = [](char c) { return is_base64url(c) || c == '*' || c == '.'; };
    for (auto begin = text.begin(); begin != text.end();) {
        begin = std::find_if(begin, text.end(), is_of_word);
        auto end = std::find_if_not(begin, text.end(), is_of_word);
        while (end != begin && end[-1] == '.')
            --end;
        const std::string_view word(begin, end);
        const auto head = std::mismatch(word.begin(), word.end(), key.begin(), key.end()).first - word.begin();
        const auto tail = std::mismatch(word.rbegin(), word.rend(), key.rbegin(), key.rend()).first - word.rbegin();
        if (static_cast<std::size_t>(head + tail) >= telling) {
            std::fill_n(begin, head, '*');
            if (const auto rest = tail - static_cast<std::ptrdiff_t>(shown); rest > 0)
                std::fill_n(end - tail, rest, '*');
        }
        begin = std::find_if_not(end, text.end(), is_of_word);
    }
}

}  // namespace

KeyMask::~KeyMask() {
    ::explicit_bzero(held_.data(), held_.size());
}

void KeyMask::mask(const std::optional<KeyFinder::Span>& found) {
    if (found) mask_span(held_, KeyFinder::Span{found->begin - before_, found->end - before_});
}

std::string_view KeyMask::feed(std::string_view piece) {
    if (!masks_) return piece;
    held_.erase(0, given_);
    before_ += given_;
    held_.append(piece);
    for (const char c : piece)
        mask(finder_.feed(c));
    given_ = static_cast<std::size_t>(finder_.begun_at(1) - before_);
    return std::string_view(held_).substr(0, given_);
}

std::string_view KeyMask::finish() {
    held_.erase(0, given_);
    before_ += given_;
    mask(finder_.finish());
    given_ = held_.size();
    return held_;
}

std::string without_key(std::string text, const KeyForms& key) {
    KeyFinder finder(key, text.size());
    if (!key.all.empty()) mask_all(text, finder);
    return text;
}

std::string head_without_key(std::string head, const KeyForms& key) {
    std::size_t shortest = std::string::npos;
    for (const KeyForm& form : key.all)
        shortest = std::min(shortest, form.text.reveal().size());
    const std::string_view plain = key.key.reveal();
    const bool is_one_word = std::ranges::none_of(plain, [](unsigned char c) { return c <= ' '; });
    std::size_t word = 0;
    for (const char each : head) {
        const auto c = static_cast<unsigned char>(each);
        word = c > ' ' || (c == ' ' && !is_one_word) ? word + 1 : 0;
        if (word >= shortest) return without_key(std::move(head), key);
    }
    return head;
}

std::string without_secrets(std::string_view text, const KeyForms& key) {
    constexpr std::size_t harmless = 8;  ///< bytes: any provider's keys begin alike
    std::string out(text);
    if (out.empty()) return out;
    if (!key.all.empty()) {
        KeyFinder finder(key, out.size());
        mask_all(out, finder);
        out.resize(static_cast<std::size_t>(finder.begun_at(harmless + 1)));
        mask_parts(out, key.key.reveal());
    }
    mask_tokens(out);
    return out;
}

}  // namespace capsule::broker
