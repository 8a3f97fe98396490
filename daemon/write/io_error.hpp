// What went wrong with a file, and what to do about it.
#pragma once

#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

/// io.error: "cannot <doing> <path>: <errno's text>", and what to do about it. in_the_kernels_files (home_path.hpp) is
/// an errno here.
Error io_error(std::string_view doing, const std::string& path, int error_number);

/// The errno in words, without a path: "Too many open files".
std::string io_problem(int error_number);

}  // namespace capsule
