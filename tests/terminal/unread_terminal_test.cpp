// Root's exec on a terminal that nobody reads: a window that was paused, a connection that hangs. Only the agent waits.
#include <sys/wait.h>

#include "tests/terminal/own_terminal.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;

class UnreadTerminal : public OwnTerminal {
  protected:
    /// The agent writes until nothing has taken more of it for a second; `then` is Python's.
    void exec_until_stuck(const std::string& then, const std::string& first = "") {
        agent_does(first + R"sh(
exec python3 -c '
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)  # what Python says of Ctrl-C would wait for the terminal
os.set_blocking(1, False)
tries = 0
while tries < 20:
    try: os.write(1, b"x" * 1023 + b"\n"); tries = 0
    except BlockingIOError: time.sleep(0.05); tries += 1
os.set_blocking(1, True)
open("new", "w").close(); os.rename("new", "stuck")
)sh" + then + "'");
        terminal().run("python3 " CAPSULE_TEST_DATA
                       "/unread_terminal.py $NOTES capsulectl exec claude --provider zai; rm $NOTES/stuck");
        ASSERT_TRUE(noted("stuck"));
    }
    int status() const { return std::stoi(note("status")); }
    void again() const {
        for (const char* name : {"pid", "status", "shown"})
            fs::remove(notes() / name);
        ASSERT_TRUE(eventually([&] { return !fs::exists(notes() / "stuck"); }));
    }
};

TEST_F(UnreadTerminal, SigtermAndCtrlCEndTheAgentAndSoExec) {
    exec_until_stuck("time.sleep(600)");
    kill(std::stoi(note("pid")), SIGTERM);
    EXPECT_EQ(WTERMSIG(status()), SIGTERM);
    again();
    exec_until_stuck("time.sleep(600)");
    write_file(notes() / "type", "\x03");
    EXPECT_EQ(WTERMSIG(status()), SIGINT);
}

// As the agent itself would wait, if this were its own terminal.
TEST_F(UnreadTerminal, WhatWasWrittenBeforeTheEndWaitsUntilSomebodyReadsOrEndsExec) {
    const std::string ends = "os.write(1, b\"the end\"); os._exit(7)";
    exec_until_stuck("open(\"told\", \"w\").close()\n" + ends);
    EXPECT_TRUE(noted("told"));
    write_file(notes() / "read", "");
    EXPECT_EQ(WEXITSTATUS(status()), 7);
    EXPECT_THAT(note("shown"), ::testing::EndsWith("the end"));
    again();
    fs::remove(notes() / "read");
    // The agent's last write waits, too. So here it has none.
    exec_until_stuck("os._exit(7)");
    kill(std::stoi(note("pid")), SIGTERM);
    EXPECT_EQ(WEXITSTATUS(status()), 7);
}

// A terminal holds no more than some of it.
TEST_F(UnreadTerminal, WhatOthersWriteOnIsNotWaitedFor) {
    const std::string others = "(trap '' HUP; exec yes) &";
    exec_until_stuck("os._exit(7)", others);
    write_file(notes() / "read", "");
    EXPECT_EQ(WEXITSTATUS(status()), 7);
    EXPECT_LT(note("shown").size(), 400'000U);
    again();
    fs::remove(notes() / "read");
    exec_until_stuck("os._exit(7)", others);
    kill(std::stoi(note("pid")), SIGTERM);
    write_file(notes() / "slowly", "");
    EXPECT_EQ(WEXITSTATUS(status()), 7);
    EXPECT_LT(note("shown").size(), 30'000U) << "what is shown in 2 s";
}

TEST_F(UnreadTerminal, TheDescriptorThatRootsShellHasWaitsAsBefore) {
    exec_until_stuck("time.sleep(600)");
    const std::string pid = note("pid");
    for (const char* number : {"0", "1", "2"}) {
        const std::string about = read_file("/proc/" + pid + "/fdinfo/" + number);
        const auto flags = std::stoul(about.substr(about.find("flags:") + 6), nullptr, 8);
        EXPECT_EQ(flags & O_NONBLOCK, 0U) << number;
    }
    kill(std::stoi(pid), SIGTERM);
    EXPECT_EQ(WTERMSIG(status()), SIGTERM);
}

}  // namespace
}  // namespace capsule::test
