// A capsule of a test's own and a person at its terminal.
#pragma once

#include <memory>

#include "tests/support/capsule_test.hpp"
#include "tests/terminal/tmux.hpp"

namespace capsule::test {

class TerminalTest : public CapsuleTest {
  protected:
    /// The agents say where they run, and not with what: keys are not to be on the screen.
    void SetUp() override {
        for (const char* agent : {"claude", "codex", "opencode"}) {
            write_file(agents_.bin() / agent,
                       "#!/bin/sh\n"
                       "case \"$*\" in\n"
                       "--version) echo 1.2.3 ;;\n"
                       "debug*) exec /bin/cat \"${0%/*}/codex.models\" ;;\n"
                       "*) echo \"STARTED ${0##*/} on $CAPSULE_PROVIDER\" ;;\n"
                       "esac\n");
            std::filesystem::permissions(agents_.bin() / agent, std::filesystem::perms{0755});
        }
    }

    void TearDown() override {
        if (terminal_) {
            EXPECT_THAT(terminal_->everything(), ::testing::Not(::testing::HasSubstr(keys::mark)))
                << "a key was on the screen";
            if (HasFailure()) std::cerr << "the screen:\n" << terminal_->screen();
        }
        terminal_.reset();
        CapsuleTest::TearDown();
    }

    /// Opens a terminal in `cwd` (else project()), with `more` in its shell's environment.
    Tmux& open_terminal(const Environment& more = {}, Tmux::Size size = {}, std::filesystem::path cwd = {}) {
        std::filesystem::create_directories(project());
        // As to /tmp above it: else OpenCode does not start there.
        std::filesystem::permissions(project(), std::filesystem::perms::all);
        const Environment env =
            with({{"PATH", std::filesystem::path(CAPSULECTL_BINARY).parent_path().string() + ":" + path_variable()},
                  {"HOME", home().string()},
                  {"XDG_STATE_HOME", (dir_ / "user-state").string()},
                  {"STATE_DIRECTORY", (dir_ / "user-state/capsule").string()},
                  {"CAPSULE_SOCKET", socket().string()}},
                 more);
        terminal_.reset();
        terminal_ = std::make_unique<Tmux>(dir_.path(), env, cwd.empty() ? project() : cwd, size);
        return *terminal_;
    }
    Tmux& terminal() const { return *terminal_; }

    std::filesystem::path project() const { return dir_ / "project"; }
    std::filesystem::path memory() const { return dir_ / "user-state/capsule/choices.json"; }

  private:
    std::unique_ptr<Tmux> terminal_;
};

}  // namespace capsule::test
