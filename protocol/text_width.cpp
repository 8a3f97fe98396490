#include "protocol/text_width.hpp"

#include <algorithm>
#include <clocale>
#include <cwchar>

#include "protocol/utf8.hpp"

namespace capsule {
namespace {

/// While it lives, this thread's characters are UTF-8, whatever the environment says.
class Utf8 {
  public:
    Utf8() {
        static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        if (utf8 != nullptr) before_ = ::uselocale(utf8);
    }
    ~Utf8() {
        if (before_ != nullptr) ::uselocale(before_);
    }
    Utf8(const Utf8&) = delete;
    Utf8& operator=(const Utf8&) = delete;

  private:
    locale_t before_ = nullptr;
};

struct Character {
    std::size_t bytes = 1;
    std::size_t columns = 1;
};

/// The first character of `text`, which is not empty. Needs Utf8.
Character first_character(std::string_view text) {
    const Utf8Character character = first_utf8_character(text);
    if (character.bytes == 0) return {};
    const int columns = ::wcwidth(static_cast<wchar_t>(character.code));
    return {character.bytes, columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::size_t display_width(std::string_view text) {
    if (is_ascii(text)) return text.size();
    const Utf8 utf8;
    std::size_t columns = 0;
    while (!text.empty()) {
        const Character character = first_character(text);
        columns += character.columns;
        text.remove_prefix(character.bytes);
    }
    return columns;
}

std::string fitted(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    const Utf8 utf8;
    std::size_t kept = 0;
    for (std::size_t columns = 0; kept < text.size();) {
        const Character character = first_character(text.substr(kept));
        columns += character.columns;
        if (columns > width - 1) break;
        kept += character.bytes;
    }
    return std::string(text.substr(0, kept)) + "…";
}

namespace {

/// How many bytes at the begin of `text`, which is not empty, have room in `width` columns: one character at least.
std::size_t bytes_that_fit(std::string_view text, std::size_t width) {
    const Utf8 utf8;
    std::size_t bytes = 0, columns = 0;
    while (bytes < text.size()) {
        const Character character = first_character(text.substr(bytes));
        columns += character.columns;
        if (columns > width && bytes > 0) break;
        bytes += character.bytes;
    }
    return bytes;
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    if (width == 0) return std::string(text);
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        std::size_t wide = display_width(word);
        if (column > 0 && column + 1 + wide > width) {
            out.append("\n").append(indent, ' ');
            column = 0;
        } else if (!out.empty()) {
            out += ' ';
            ++column;
        }
        while (wide > width) {
            const std::size_t part = bytes_that_fit(word, width);
            if (part == word.size()) break;
            out.append(word.substr(0, part)).append("\n").append(indent, ' ');
            wide -= display_width(word.substr(0, part));  // not of the whole rest for each line
            word.remove_prefix(part);
        }
        out += word;
        column += wide;
    }
    return out;
}

std::string wrapped_first_line(const std::string& text, std::size_t width, std::size_t indent) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    return wrapped(text.substr(0, end), width, indent) + text.substr(end);
}

}  // namespace capsule
