// How much of a text that was refused an error may repeat. Somebody may have put a secret there: a key in the place of
// a path, NAME=VALUE where a name belongs, a URL with a password. Every error of capsule.toml and of roles/ asks here.
#pragma once

#include <string>
#include <string_view>

namespace capsule {

/// What stands for a text, or for the rest of one, that may be a secret.
inline constexpr std::string_view not_quoted = "…";

/// `text` if it is surely no secret: it has four bytes at most, or is spelt as names, numbers and paths are and has no
/// part that a key could be. Of NAME=VALUE "NAME=…", of another URL than such a one "https://…", else "…".
std::string quotable(std::string_view text);

/// The same in double quotes.
std::string quote(std::string_view text);

/// A sentence of another program's, with "…" for each word that quotable() would not repeat.
std::string quotable_words(std::string_view sentence);

/// Of an argument of a program its option's name: "--settings=…". Nothing else in it is known to be harmless.
std::string option_name(std::string_view argument);

}  // namespace capsule
