// Root at a terminal, whose sessions are another user's.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include "tests/terminal/terminal_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {

inline constexpr std::string_view type_at = R"sh(
type_at() { perl -e 'open(T, "+<", $ARGV[0]) or exit; ioctl(T, 0x5412, $_) for split //, "touch $ENV{PWD}/typed\n"' "$1"; }
)sh";

class OwnTerminal : public TerminalTest {
  protected:
    uid_t agent_id = 4711;

    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to start another user's session";
        TerminalTest::SetUp();
        const std::filesystem::path home = dir_ / "agents-home";
        std::filesystem::create_directories(home);
        ASSERT_EQ(chown(home.c_str(), agent_id, agent_id), 0);
        write_file(dir_ / "passwd", read_file("/etc/passwd") + "agent:x:" + std::to_string(agent_id) + ":" +
                                        std::to_string(agent_id) + "::" + home.string() + ":/bin/sh\n");
        std::filesystem::permissions(dir_ / "passwd", std::filesystem::perms{0644});
        std::filesystem::create_directories(notes());
        ASSERT_EQ(chown(notes().c_str(), agent_id, agent_id), 0);
        start({.config = "[session]\nuser = \"agent\"\n", .passwd = dir_ / "passwd"});
        open_terminal({{"NOTES", notes().string()}});
    }

    /// What the agent does: a shell script, with the agent's notes in the current directory.
    void agent_does(std::string_view script) const {
        write_file(agents_.bin() / "claude", "#!/bin/sh\n[ \"$*\" != --version ] || exit 0\ncd " + notes().string() +
                                                 "\n" + std::string(script) + "\n");
    }
    void exec() const { terminal().run("capsulectl exec claude --provider zai"); }
    void exec(std::string_view script) const {
        agent_does(script);
        exec();
    }
    /// Where the agent and its helpers write.
    std::filesystem::path notes() const { return dir_ / "notes"; }
    bool noted(std::string_view name) const {
        return eventually([&] { return std::filesystem::exists(notes() / name); });
    }
    std::string note(std::string_view name) const {
        EXPECT_TRUE(noted(name)) << name;
        return std::filesystem::exists(notes() / name) ? read_file(notes() / name) : "";
    }
};

}  // namespace capsule::test
