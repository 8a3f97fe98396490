// A program on a screen, as a person sees it and types to it: tmux, with a server of its own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/command.hpp"

namespace capsule::e2e {

class Terminal {
  public:
    /// Starts `program` on a screen of 120 × 50; the tmux server's socket and log are in `directory`. Throws
    /// std::runtime_error when tmux cannot start it.
    Terminal(const test::Program& program, std::filesystem::path directory);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// What is to be seen now, without colours; empty once the program has ended.
    std::string screen() const;
    /// Types it, letter by letter as it stands.
    void type(const std::string& text) const;
    /// A key by tmux's name for it: "Enter", "Down".
    void press(const std::string& key) const;
    /// The program's process.
    pid_t process() const;

  private:
    test::Outcome tmux(std::vector<std::string> arguments) const;

    std::filesystem::path directory_, socket_;
};

}  // namespace capsule::e2e
