// A command line that cannot be understood: what is wrong with it, without ever repeating what might be a key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/errors.hpp"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace capsule {

/// `app` after its failed parsing of `words` (without the program's name).
Error usage_error(const CLI::App& app, const std::vector<std::string>& words, const CLI::ParseError& error);

/// The same for a command line that asks for the help of a command that there is not.
std::optional<Error> command_without_help(const CLI::App& app);

}  // namespace capsule
