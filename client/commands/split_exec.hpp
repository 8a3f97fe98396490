// Where capsulectl's own words end and the agent's begin.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace capsule {

struct SplitCommandLine {
    std::vector<std::string> own;
    std::vector<std::string> agent_arguments;
};

/// For `exec` (and `as-agent`): the agent's arguments are what follows the first "--". All before it is our own, so
/// that a misspelt option of ours never becomes the agent's. Other commands' words are all our own. `words` are without
/// the program's name.
SplitCommandLine split_exec(const std::vector<std::string>& words, const CLI::App& app);

}  // namespace capsule
