// What a person sees: tables and colours. Pure; who prints asks style_of() once per stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/socket_path.hpp"
#include "protocol/text_width.hpp"

namespace capsule {

struct Style {
    bool terminal = false;
    bool colour = false;
    std::size_t width = 0;  ///< columns; 0: no limit
};

/// A terminal's style has its width, and colours unless NO_COLOR is set or TERM is "dumb"; all else is plain.
Style style_of(int descriptor, const EnvironmentLookup& env);

/// Whether a terminal shows UTF-8: the first of LC_ALL, LC_CTYPE and LANG that is set says so. Where none is set, as in
/// many containers, it does.
bool shows_utf8(const EnvironmentLookup& env);

/// `text` for a terminal without UTF-8, as wide as before: "~" for "…", "*" for "●", "-" for dashes, else "?".
std::string in_ascii(std::string_view text);

enum class Tone { plain, strong, dim, good, bad, warning };

/// `text` in that tone, or as it is where there are no colours.
std::string paint(std::string_view text, Tone tone, const Style& style);

/// `text` without what a terminal would obey: what controls it or turns text becomes '?', as does a byte that is no
/// UTF-8. Line ends and tabs stay if `keep_lines`.
std::string printable(std::string_view text, bool keep_lines = false);

struct Cell {
    std::string text;
    Tone tone = Tone::plain;
};

/// Columns as wide as their widest cell. Where the terminal is too narrow, the last column is wrapped and the others
/// are cut, the widest first; what is cut ends with "…". Where too little would be left, each cell has a line of its
/// own, below its title. Only a word without room is wider than the terminal.
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

/// `text` on lines of its own, made printable() and broken at words.
std::string paragraph(std::string_view text, const Style& style);

/// "! message" for each, wrapped; nothing when there are none.
std::string warnings_text(const std::vector<Warning>& warnings, const Style& style);

/// "3 days 2 h", "5 h 12 min", "40 s".
std::string duration_text(double seconds);

/// Since an RFC 3339 time; the time itself where it is not understood.
std::string duration_since(const std::string& at);

/// "5 h 12 min ago".
std::string ago_text(const std::string& at);

}  // namespace capsule
