// Our block in a TOML text, found by its marks: in real comments only, never in a string or an array.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

inline constexpr std::string_view block_start =
    "# >>> capsuled: this block is rewritten; keep your own settings outside of it";
inline constexpr std::string_view block_end = "# <<< capsuled";

struct TomlLine {
    std::size_t begin = 0;
    std::size_t end = 0;   ///< before the line ending
    std::size_t next = 0;  ///< after it
    bool ended = false;    ///< has a line ending: the last one may not
    enum class Kind { blank, comment, header, other } kind = Kind::other;
};

/// The lines of a text, as one pass over its strings, comments and brackets gives them. A line that begins within a
/// string or an array is `other`.
std::vector<TomlLine> read_toml_lines(std::string_view text);

struct TomlBlock {
    std::size_t begin = 0;  ///< of the first mark's line
    std::size_t end = 0;    ///< of the last mark's line, before its line ending
    std::size_t next = 0;   ///< after it
    struct Part {
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    /// The tables between the marks, each with the comments and blank lines above it; what follows the last one too.
    std::vector<Part> parts;
    std::size_t first_line = 0;  ///< line numbers of the marks, from 1
    std::size_t last_line = 0;
    /// The line number of a setting that directly follows the last mark, and so belongs to our last table; 0: none.
    std::size_t setting_after = 0;
};

/// Our blocks; more than one, or a mark without its partner, is a problem of the line that is given.
struct TomlBlockSearch {
    std::vector<TomlBlock> blocks;
    std::size_t unpaired_line = 0;
};
TomlBlockSearch find_toml_blocks(std::string_view text);

/// Whether a comment stands in it, on a line of its own or behind something.
bool has_toml_comment(std::string_view text);

/// Whether a dotted key of that text has more parts ("a.b.c" has three), outside of strings and comments. A parser goes
/// one step deeper for each of them.
bool has_toml_key_longer_than(std::string_view text, std::size_t parts);

/// "\r\n" if the first line ends so, else "\n".
std::string_view line_ending(std::string_view text);

}  // namespace capsule
