#include "daemon/config/quotable.hpp"

#include <algorithm>

namespace capsule {
namespace {

constexpr std::string_view lower_case = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view upper_case = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view only_digits = "0123456789";
constexpr std::string_view of_variables = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
constexpr std::string_view of_options = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
constexpr std::string_view of_names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
constexpr std::string_view between_runs = "._-/";

constexpr std::size_t no_secret = 4;  ///< what has no more bytes than this
constexpr std::size_t longest_text = 64;
// The longest runs of letters and digits that a name, a path or a number may have. A key's are longer.
constexpr std::size_t longest_number = 10;
constexpr std::size_t longest_letters = 16;
constexpr std::size_t longest_mixed_case = 7;  ///< "MiniMax"
constexpr std::size_t longest_mixed = 6;       ///< letters and digits: "base64"
constexpr std::size_t most_mixed = 2;          ///< of those in a text
constexpr std::size_t most_digits = 3;         ///< in a text with capitals: "MiniMax-M2.7"

bool is_of(std::string_view text, std::string_view characters) {
    return text.find_first_not_of(characters) == text.npos;
}

std::size_t count(std::string_view text, std::string_view of) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [&](char c) { return of.find(c) != of.npos; }));
}

/// GH_TOKEN, and no text that happens to be in capitals.
bool is_variable(std::string_view text) {
    return is_of(text, of_variables) && !text.empty() && upper_case.find(text.front()) != upper_case.npos &&
           text.find('_') != text.npos;
}

struct Run {
    std::size_t most;  ///< so many letters and digits may it have
    bool mixed;        ///< letters and digits
};

Run kind_of(std::string_view run) {
    const std::size_t numbers = count(run, only_digits), capitals = count(run, upper_case);
    if (numbers == run.size()) return {longest_number, false};
    if (numbers > 0) return {longest_mixed, true};
    const bool one_case =
        capitals == 0 || capitals == run.size() || (capitals == 1 && is_of(run.substr(0, 1), upper_case));
    return {one_case ? longest_letters : longest_mixed_case, false};
}

bool has_no_key(std::string_view text) {
    std::size_t mixed = 0;
    while (!text.empty()) {
        const std::string_view run = text.substr(0, text.find_first_of(between_runs));
        const Run kind = kind_of(run);
        if (kind.mixed) ++mixed;
        if (run.size() > kind.most || mixed > most_mixed) return false;
        text.remove_prefix(std::min(run.size() + 1, text.size()));
    }
    return true;
}

/// A name, a path or a number.
bool is_harmless(std::string_view text) {
    return text.size() <= longest_text && is_of(text, of_names) && has_no_key(text) &&
           (is_variable(text) || count(text, upper_case) == 0 || count(text, only_digits) <= most_digits);
}

/// "@group", "~/directory" and "NAME_*" too.
bool is_harmless_value(std::string_view text) {
    if (text.starts_with('@') || text.starts_with('~')) text.remove_prefix(1);
    if (text.ends_with('*')) text.remove_suffix(1);
    return is_harmless(text);
}

/// "https://…", or the whole if a name or path follows that is harmless.
std::string quotable_url(std::string_view url, std::size_t scheme) {
    constexpr std::size_t longest_scheme = 8;
    constexpr std::string_view after_scheme = "://";
    if (scheme > longest_scheme || !is_of(url.substr(0, scheme), lower_case)) return std::string(not_quoted);
    const std::size_t end = scheme + after_scheme.size();
    return is_harmless(url.substr(end)) ? std::string(url) : std::string(url.substr(0, end)).append(not_quoted);
}

}  // namespace

std::string quotable(std::string_view text) {
    if (text.size() <= no_secret || is_harmless_value(text)) return std::string(text);
    const std::size_t equals = text.find('='), scheme = text.find("://");
    if (scheme < equals) return quotable_url(text, scheme);
    if (equals == text.npos || !is_harmless(text.substr(0, equals))) return std::string(not_quoted);
    return std::string(text.substr(0, equals + 1)).append(not_quoted);
}

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : quotable(text)) {
        constexpr std::string_view hex = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F)
            out.append("\\x").append(1, hex[byte >> 4U]).append(1, hex[byte & 0x0FU]);
        else
            out += c;
    }
    return out + '"';
}

std::string quotable_words(std::string_view sentence) {
    // No key has one of these, and what is no ASCII stands in no key.
    static constexpr std::string_view between_words = " \t\r\n\"'`(){}[]<>,;:!?";
    const auto is_between = [](char c) {
        return static_cast<unsigned char>(c) >= 0x80 || between_words.find(c) != between_words.npos;
    };
    std::string out;
    for (auto at = sentence.begin(); at != sentence.end();) {
        const auto end = std::find_if(at, sentence.end(), is_between);
        out += quotable({at, end});
        at = std::find_if_not(end, sentence.end(), is_between);
        out.append(end, at);
    }
    return out;
}

std::string option_name(std::string_view argument) {
    const bool is_long = argument.starts_with("--");
    if (!is_long && !(argument.starts_with('-') && argument.size() > 1)) return std::string(not_quoted);
    // -mVALUE: one letter is the option.
    const std::string_view name = is_long ? argument.substr(0, argument.find('=')) : argument.substr(0, 2);
    if (!is_of(name, of_options) || !is_harmless(name)) return std::string(not_quoted);
    if (name.size() == argument.size()) return std::string(name);
    return std::string(name) + (is_long ? "=" : "") + std::string(not_quoted);
}

}  // namespace capsule
