// Stand-ins for claude, codex and opencode: shell scripts that say who they are and with what they were started.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/command.hpp"

namespace capsule::test {

/// What a stand-in was started with, read from its output.
struct SeenStart {
    std::vector<std::string> argv;  ///< without the program
    Environment env;
    std::string ids;  ///< "uid:gid:groups", groups with commas
};

class FakeAgents {
  public:
    /// Installs all three into `bin`.
    explicit FakeAgents(std::filesystem::path bin);

    const std::filesystem::path& bin() const { return bin_; }

    void remove(std::string_view agent) const;
    /// `codex debug models` waits that long from now on. Sticks until changed.
    void delay_codex_models(std::chrono::seconds time) const;
    /// `codex debug models` prints this from now on.
    void set_codex_models(std::string_view output) const;
    /// How often `codex debug models` was run.
    std::size_t codex_models_runs() const;

    static SeenStart parse(std::string_view output);

  private:
    std::filesystem::path bin_;
};

}  // namespace capsule::test
