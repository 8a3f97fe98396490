#include "daemon/config/broken_toml.hpp"

#include <array>

namespace capsule {
namespace {

struct Row {
    std::string_view said;  ///< a part of toml++'s text; the first row that fits counts
    std::string_view what;
    std::string_view hint;
};

constexpr auto rows = std::to_array<Row>({
    {"could not determine value type", "this is no value", "Write text in quotes: name = \"value\"."},
    {"parsing string: encountered end-of-file", "a text's closing quote is missing",
     "End the text with the quote that it begins with."},
    {"control characters other than TAB", "a text's closing quote is missing",
     "End the text on the same line, with the quote that it begins with."},
    {"parsing table header: expected ']'", "the heading's \"]\" is missing", "Write a heading as [name]."},
    {"parsing table header: encountered end-of-file", "the heading's \"]\" is missing", "Write a heading as [name]."},
    {"cannot redefine existing table", "this heading stands twice", "Put all that belongs to it below the first one."},
    {"cannot redefine existing", "this name is set twice", "Keep one of the two lines."},
    {"expected '=', saw", "there is no \"=\" after the name", "Write a setting as name = value."},
    {"encountered end-of-file", "the file ends in the middle of a setting", "Write a setting as name = value."},
    {"expected value-terminator", "something follows the value", "Write one setting a line; # begins a comment."},
    {"expected a comment or whitespace", "something follows the value",
     "Write one setting a line; # begins a comment."},
    {"expected comma or closing ']'", "a list's comma or \"]\" is missing", "Write a list as [\"one\", \"two\"]."},
    {"expected value or closing ']'", "a list has a comma too many", "Write a list as [\"one\", \"two\"]."},
    {"closing '}'", "a comma or \"}\" is missing", "Write a table in one line as { name = \"value\" }."},
    {"expected value, saw", "the value is missing", "Write a setting as name = \"value\"."},
    {"bare key starting character", "this is no name",
     "Begin a line with a setting's name, a [heading] or a # comment."},
    {"invalid utf-8", "a byte is no UTF-8", "Save the file as UTF-8."},
});

/// Up to the first quotation, without the library's introduction.
std::string own_words(std::string_view description) {
    constexpr std::string_view introduction = "Error while parsing ";
    if (description.starts_with(introduction)) description.remove_prefix(introduction.size());
    return std::string(description.substr(0, description.find('\'')));
}

}  // namespace

BrokenToml plain_words(std::string_view description) {
    for (const Row& row : rows)
        if (description.find(row.said) != description.npos) return {std::string(row.what), std::string(row.hint)};
    return {"the file cannot be read here (" + own_words(description) + ")",
            "Correct the line; https://toml.io shows how each kind of value is written."};
}

}  // namespace capsule
