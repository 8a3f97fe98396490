#include "client/json_text.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "protocol/utf8.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

class Writer {
  public:
    explicit Writer(bool indented) : indented_(indented) {}

    void write(const json::value& value) {
        if (value.is_object())
            write_object(value.get_object());
        else if (value.is_array())
            write_array(value.get_array());
        else if (value.is_double())
            write_double(value.get_double());
        else
            text_ += json::serialize(value);
    }

    std::string take() { return std::move(text_); }

  private:
    void write_object(const json::object& object) {
        if (object.empty()) {
            text_ += "{}";
            return;
        }
        open('{');
        for (bool first = true; const auto& [name, value] : object) {
            separate(first);
            text_ += json::serialize(name);
            text_ += indented_ ? ": " : ":";
            write(value);
        }
        close('}');
    }

    void write_array(const json::array& array) {
        if (array.empty()) {
            text_ += "[]";
            return;
        }
        open('[');
        for (bool first = true; const auto& value : array) {
            separate(first);
            write(value);
        }
        close(']');
    }

    void write_double(double number) {
        std::array<char, 32> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        text_.append(digits.data(), end);
    }

    void open(char bracket) {
        text_ += bracket;
        ++depth_;
    }
    void close(char bracket) {
        --depth_;
        new_line();
        text_ += bracket;
    }
    void separate(bool& first) {
        if (!first) text_ += ',';
        first = false;
        new_line();
    }
    void new_line() {
        if (indented_) text_.append("\n").append(2 * depth_, ' ');
    }

    bool indented_;
    std::size_t depth_ = 0;
    std::string text_;
};

/// JSON lets every character above U+001F stand in a string as it is. Some of these command a terminal or turn its
/// text, and a name in a repository may have them: they become escapes, which say the same.
std::string without_commands(const std::string& text) {
    std::string out;
    out.reserve(text.size());
    for (std::string_view rest = text; !rest.empty();) {
        const Utf8Character character = first_utf8_character(rest);
        const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
        if (turns_text(character.code) || (character.code >= 0x7F && character.code < 0xA0)) {
            out += "\\u";
            for (int shift = 12; shift >= 0; shift -= 4)
                out += "0123456789abcdef"[(character.code >> shift) & 0xFU];
        } else {
            out += rest.substr(0, bytes);
        }
        rest.remove_prefix(bytes);
    }
    return out;
}

}  // namespace

std::string json_text(const json::value& value, bool indented) {
    Writer writer(indented);
    writer.write(value);
    return without_commands(writer.take());
}

}  // namespace capsule
