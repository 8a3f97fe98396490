// What an error may show of a line of capsule.toml: never anything that could be a key.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsule {

/// "NAME = …"
std::string without_value(std::string_view name);

/// The line (counted from 1) of a value that is no secret, up to what else may stand on it: an inline table or a
/// comment. Of each text on it what is quotable(). "…" where the line could be part of a multi-line string.
std::string excerpt_of_value(std::string_view text, std::size_t line);

/// For a line that could hold a key and where a table may begin: its header, with what is quotable() of its names, or
/// the beginning of a table in braces; else "NAME = …".
std::string excerpt_of_table(std::string_view text, std::size_t line, std::string_view name);

/// For text that is no TOML: the line itself when it is a section's header or sets something that is known to be no
/// secret, else at most its name.
std::string excerpt_of_broken(std::string_view text, std::size_t line);

}  // namespace capsule
