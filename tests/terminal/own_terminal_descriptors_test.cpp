// What the agent has of root's descriptors when root's exec gives it a terminal of its own.
#include <fcntl.h>

#include "tests/terminal/own_terminal.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

TEST_F(OwnTerminal, PipesAndFilesArePassedOnAndOnlyTerminalsReplaced) {
    agent_does("[ -t 0 ] || echo piped; [ -t 1 ] || echo to-file; [ -t 2 ] && echo shown >&2; cat");
    terminal().run("echo through | capsulectl exec claude --provider zai >$NOTES/out");
    terminal().wait_for("\nshown");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_EQ(note("out"), "piped\nto-file\nthrough\n");
    terminal().run_on_clear_screen("capsulectl exec claude --provider zai </dev/null | cat -A");
    // What is shown comes by the terminal and the rest by cat: in which order is open.
    terminal().wait_until(AllOf(HasSubstr("\npiped$\n"), HasSubstr("\nto-file$\n")));
}

// Whoever has the controlling terminal needs none of the descriptors.
TEST_F(OwnTerminal, RootsControllingTerminalIsOutOfReachWhereNoDescriptorIsATerminal) {
    fs::permissions(notes(), fs::perms{0777});
    agent_does(std::string(type_at) + "type_at /dev/tty; echo done >done");
    terminal().run("capsulectl exec claude --provider zai </dev/null >$NOTES/out 2>&1");
    EXPECT_TRUE(noted("done"));
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_FALSE(fs::exists(notes() / "typed"));
}

// It is one that nobody can open for now, as terminal programs make theirs (TIOCEXCL).
TEST_F(OwnTerminal, NorIsTheSessionOnItWhereItCannotBeOpened) {
    agent_does("cut -d ' ' -f 7 /proc/$$/stat >its");
    terminal().run("cut -d ' ' -f 7 /proc/$$/stat >$NOTES/of-root; python3 -c 'import fcntl; fcntl.ioctl(0, 0x540c)'");
    terminal().run(
        "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "
        "capsulectl exec claude --provider zai </dev/null >$NOTES/out 2>&1");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_NE(note("its"), note("of-root")) << "the number of its controlling terminal";
    EXPECT_NE(note("its"), "");
}

TEST_F(OwnTerminal, AKeptDescriptorThatIsRootsTerminalIsReplacedToo) {
    terminal().run("tty >$NOTES/of-root");
    agent_does("tty >name; tty <&5 >fifth");
    terminal().run("capsulectl exec claude --provider zai --keep-fd 5 5<>$(tty)");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_EQ(note("fifth"), note("name"));
    EXPECT_NE(note("fifth"), note("of-root"));
}

// Nobody can read or write by it, but open what it names.
TEST_F(OwnTerminal, ADescriptorThatOnlyNamesRootsTerminalIsReplacedToo) {
    agent_does("readlink /proc/$$/fd/5 >fifth");
    terminal().run(
        "python3 -c 'import os, sys; os.dup2(os.open(os.ttyname(0), os.O_PATH), 5); os.execvp(sys.argv[1], "
        "sys.argv[1:])' capsulectl exec claude --provider zai --keep-fd 5");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_EQ(note("fifth"), "/dev/null\n");
}

TEST_F(OwnTerminal, WhatCapsulectlOpensItselfIsNoDescriptorToKeep) {
    agent_does("touch started");
    for (const char* number : {"3", "4", "5", "6", "7", "8"}) {
        terminal().run(std::string("capsulectl exec claude --provider zai --keep-fd ") + number);
        terminal().wait_for(std::string("--keep-fd ") + number + ": it is not open");
        EXPECT_EQ(terminal().wait_for_exit_status(), 2);
    }
    EXPECT_FALSE(fs::exists(notes() / "started"));
}

TEST_F(OwnTerminal, WhoLeadsTheSessionHasNothingThatWasGivenToIt) {
    agent_does("exec 5>&-; echo $PPID >new; mv new leader; until [ -e end ]; do sleep 0.05; done");
    terminal().run(
        "mkfifo $NOTES/pipe; { cat $NOTES/pipe; touch $NOTES/closed; } & "
        "sh -c 'exec capsulectl exec claude --provider zai --keep-fd 5 5>$NOTES/pipe 6</etc/hostname'");
    EXPECT_TRUE(noted("closed")) << "the agent has closed it, which goes on";
    std::string open;
    for (const auto& each : fs::directory_iterator(proc_path(std::stoi(note("leader")), "fd")))
        open += fs::read_symlink(each.path()).string() + "\n";
    EXPECT_THAT(open, AllOf(HasSubstr("/dev/ptmx\n"), Not(HasSubstr("/etc/hostname"))));
    write_file(notes() / "end", "");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

TEST_F(OwnTerminal, RelaysMuchOutputWhole) {
    exec("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line-$i; done");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    const std::string shown = terminal().everything();
    for (int i = 1; i <= 3000; ++i)
        ASSERT_THAT(shown, HasSubstr("line-" + std::to_string(i) + "\n"));
}

}  // namespace
}  // namespace capsule::test
