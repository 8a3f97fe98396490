// What an agent's program printed, as text that may be shown: its user decides what it prints.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/process/subprocess.hpp"

namespace capsule {

/// "codex-cli 0.169.0" → "0.169.0": the first word that begins with a digit.
std::optional<std::string> version_in(std::string_view text);

/// The line that names an error, as Node.js has it below a stack of places; else the first one.
std::string why_it_says(std::string_view text);

/// As a part of a sentence.
std::string how_it_ended(const SubprocessResult& result);

}  // namespace capsule
