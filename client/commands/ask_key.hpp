// Where `auth set` gets the key from: a person who types it unseen, or standard input. Never the command line.
#pragma once

#include <string>

#include "client/commands/persons_answer.hpp"

namespace capsule {

inline constexpr std::size_t longest_key = 64 * 1024;  ///< bytes read from standard input

/// On a terminal: shows `prompt` on standard error and reads one line without echo; the terminal's settings are
/// restored whatever happens. Else: all of standard input, without one trailing line end. Fails with invalid_params
/// when there is nothing or too much, with io_error when reading fails.
PersonsAnswer<std::string> ask_key(int descriptor, const std::string& prompt);

}  // namespace capsule
