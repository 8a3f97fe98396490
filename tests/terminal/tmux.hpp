// A person at a terminal: a shell in a tmux server of the test's own, keys typed into it, its screen read.
#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/command.hpp"

namespace capsule::test {

class Tmux {
  public:
    struct Size {
        int columns = 100;
        int rows = 30;
    };

    /// Starts the server, with its socket in `directory`, and in it a shell with exactly `env`. Its prompt is
    /// "1$ ", "2$ " and so on, so that a prompt of before is not taken for the next one.
    /// TERM is tmux's own ("screen-256color") unless `env` has one.
    Tmux(std::filesystem::path directory, Environment env, std::filesystem::path cwd, Size size);
    /// Ends the server and all that runs in it.
    ~Tmux();
    Tmux(const Tmux&) = delete;
    Tmux& operator=(const Tmux&) = delete;

    /// Presses keys by tmux's names: "Enter", "Escape", "Down", "C-c", "BSpace".
    void press(std::vector<std::string> keys) const;
    /// Types characters as they are.
    void type(std::string_view text) const;
    /// Types a command and Enter, once the shell has come back to its prompt.
    void run(std::string_view command) const;
    /// The same when nothing of before is on the screen any more, where it could be taken for what comes.
    void run_on_clear_screen(std::string_view command) const;
    void resize(Size size) const;

    /// The screen as it is, without trailing spaces; with `colours`, its escape sequences too.
    std::string screen(bool colours = false) const;
    /// The screen and all that scrolled off it, wrapped lines joined.
    std::string everything() const;
    std::string title() const;

    /// Looks at the screen until `holds` is true of it, and gives it. Throws std::runtime_error with the screen when
    /// that does not happen in 90 s.
    std::string wait(std::string_view what, const std::function<bool(const std::string&)>& holds) const;
    /// For `text`. What comes after it may not be on the screen yet.
    std::string wait_for(std::string_view text) const;
    /// Until the whole screen is as wanted.
    void wait_until(const ::testing::Matcher<const std::string&>& wanted) const;
    /// For the last command's exit status, which it asks the shell for.
    int wait_for_exit_status() const;

  private:
    std::string tmux(std::vector<std::string> arguments) const;

    std::filesystem::path socket_;
    mutable int commands_ = 0;
    mutable int asked_ = 0;
};

}  // namespace capsule::test
