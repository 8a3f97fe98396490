// Where `auth set` gets the key from: a person who types it unseen, or standard input. Never the command line.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <variant>

#include "protocol/errors.hpp"

namespace capsule {

struct Cancelled {};  ///< the user pressed Ctrl-C

inline constexpr std::size_t longest_key = 64 * 1024;  ///< bytes read from standard input

/// On a terminal: shows `prompt` on standard error and reads one line without echo; the terminal's settings are
/// restored whatever happens. Else: all of standard input, without one trailing line end. Fails with invalid_params
/// when there is nothing or too much, with io_error when reading fails.
std::variant<std::string, Cancelled, Error> ask_key(int descriptor, const std::string& prompt);

}  // namespace capsule
