// Completions for bash, zsh and fish, made from the command table, so that they cannot drift from it.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace capsule {

/// The script for `shell` ("bash", "zsh", "fish"); "" for any other.
std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace capsule
