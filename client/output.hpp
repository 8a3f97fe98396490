// What a person sees: tables, colours, wrapped text. Pure; who prints asks style_of() once per stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/socket_path.hpp"

namespace capsule {

struct Style {
    bool terminal = false;
    bool colour = false;
    std::size_t width = 0;  ///< columns; 0: no limit
};

/// A terminal's style has its width, and colours unless NO_COLOR is set or TERM is "dumb"; all else is plain.
Style style_of(int descriptor, const EnvironmentLookup& env);

enum class Tone { plain, strong, dim, good, bad, warning };

/// `text` in that tone, or as it is where there are no colours.
std::string paint(std::string_view text, Tone tone, const Style& style);

/// `text` without what a terminal would obey: control characters become '?'. Line ends stay if `keep_lines`.
std::string printable(std::string_view text, bool keep_lines = false);

/// Columns on a terminal: two for East Asian wide characters, none for combining ones. `text` is UTF-8; a byte that is
/// not counts as one.
std::size_t display_width(std::string_view text);

/// `text`, cut to at most `width` columns; where something is cut, the last column is "…".
std::string fitted(std::string_view text, std::size_t width);

/// `text` broken at spaces so that no line is wider than `width` (0: as it is), each further line indented.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// The same with the first line of `text` only: what follows it is there to be pasted.
std::string wrapped_first_line(const std::string& text, std::size_t width, std::size_t indent);

struct Cell {
    std::string text;
    Tone tone = Tone::plain;
};

/// Columns as wide as their widest cell. Where the terminal is too narrow, the last column is wrapped and the others
/// are cut, the widest first; what is cut ends with "…". Only a word without room in the last column is wider than the
/// terminal.
class Table {
  public:
    /// Without `heading` the table has no first line of its own.
    explicit Table(std::vector<std::string> heading = {});
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    bool empty() const noexcept { return rows_.empty(); }
    /// Each line ends with '\n' and has no trailing spaces.
    std::string text(const Style& style, std::size_t indent = 0) const;

  private:
    std::vector<std::string> heading_;
    std::vector<std::vector<Cell>> rows_;
};

/// "! message" for each, wrapped; nothing when there are none.
std::string warnings_text(const std::vector<Warning>& warnings, const Style& style);

/// "3 days 2 h", "5 h 12 min", "40 s".
std::string duration_text(double seconds);

}  // namespace capsule
