// Text in the columns of a terminal: how wide it is, cut, and broken at words. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsule {

/// Columns on a terminal: two for East Asian wide characters, none for combining ones. `text` is UTF-8; a byte that is
/// not counts as one.
std::size_t display_width(std::string_view text);

/// `text`, cut to at most `width` columns; where something is cut, the last column is "…".
std::string fitted(std::string_view text, std::size_t width);

/// `text` broken at spaces, and a word that is longer than a line anywhere, so that no line is wider than `width` (0:
/// as it is), each further line indented.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// The same with the first line of `text` only: what follows it is there to be pasted.
std::string wrapped_first_line(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace capsule
