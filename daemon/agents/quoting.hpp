// Text in other people's syntaxes.
#pragma once

#include <string>
#include <string_view>

namespace capsule {

/// `text` (UTF-8) as a TOML basic string, quotes and all.
std::string toml_string(std::string_view text);

/// [A-Za-z0-9._-]: needs no quotes anywhere.
bool stays_in_a_file_name(char c);

/// `text` as one component of a file name: all but [A-Za-z0-9._-] as %XX.
std::string percent_encode(std::string_view text);

}  // namespace capsule
