// Root's exec of another user's agent: on a terminal of its own, in all else as if it were root's. An agent that has
// root's terminal types commands into root's shell, and reads what root types there later.
#include "tests/terminal/own_terminal.hpp"

#include <fcntl.h>
#include <termios.h>

#include "tests/support/tracer_script.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

TEST_F(OwnTerminal, IsNotRoots) {
    terminal().run("tty >$NOTES/of-root");
    exec(
        "id -u >who; tty >name; (tty </dev/tty) >controlling; ls -l /proc/$$/fd >descriptors; tty <&1; tty <&2 >third");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    const std::string of_root = note("of-root");
    const std::string own = note("name");
    EXPECT_EQ(note("who"), "4711\n");
    EXPECT_THAT(own, HasSubstr("/dev/pts/"));
    EXPECT_NE(own, of_root);
    EXPECT_EQ(note("third"), own);
    EXPECT_EQ(note("controlling"), "/dev/tty\n");
    EXPECT_THAT(note("descriptors"), Not(HasSubstr(of_root.substr(0, of_root.size() - 1) + "\n")));
}

TEST_F(OwnTerminal, NothingThatTheAgentTypesReachesRootsShell) {
    fs::permissions(notes(), fs::perms{0777});
    terminal().run("tty >$NOTES/of-root");
    exec(std::string(type_at) +
         "type_at /dev/tty; type_at $(cat of-root); type_at /proc/self/fd/0; type_at /proc/self/fd/2; touch done");
    EXPECT_TRUE(noted("done"));
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_FALSE(fs::exists(notes() / "typed")) << "root's shell ran it";
}

// It has left its session, so that it needs to be in nobody's foreground to read.
TEST_F(OwnTerminal, AProcessThatIsLeftBehindReadsNoKey) {
    exec(R"sh(perl -e '
use POSIX; fork and exit; POSIX::setsid(); $SIG{HUP} = "IGNORE";
open(my $read, ">", "read"); $read->autoflush(1); open(my $there, ">", "there");
while (sysread(STDIN, my $typed, 1)) { print $read $typed }
open(my $ended, ">", "ended")'
until [ -e there ]; do sleep 0.05; done)sh");
    EXPECT_TRUE(noted("there"));
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_TRUE(noted("ended")) << "its terminal is gone, so it can read no more";
    terminal().run("capsulectl auth set kimi");
    terminal().wait_for("it does not show");
    terminal().type(keys::kimi);
    terminal().press({"Enter"});
    terminal().wait_for("New sessions use it");
    EXPECT_EQ(note("read"), "");
}

TEST_F(OwnTerminal, HasRootsTerminalsSizeAndFollowsIt) {
    exec(
        "trap 'stty size >changed; touch sized' WINCH; stty size >size; touch ready; until [ -e sized ]; do sleep "
        "0.05; done");
    EXPECT_TRUE(noted("ready"));
    EXPECT_EQ(note("size"), "30 100\n");
    terminal().resize({72, 21});
    EXPECT_TRUE(noted("sized"));
    EXPECT_EQ(note("changed"), "21 72\n");
}

TEST_F(OwnTerminal, CtrlZStopsTheJobAndFgContinuesIt) {
    terminal().run("stty -g >$NOTES/before");
    exec("echo ready; while read -r line; do echo \"got $line\"; [ \"$line\" != end ] || exit 3; done");
    terminal().wait_for("ready");
    for (const char* word : {"one", "two"}) {
        terminal().press({"C-z"});
        terminal().wait_for("Stopped");
        terminal().run_on_clear_screen("stty -g >$NOTES/new && mv $NOTES/new $NOTES/stopped");
        terminal().run("fg");
        terminal().wait_for("fg\ncapsulectl exec");
        terminal().type(std::string(word) + "\n");
        terminal().wait_for(std::string("got ") + word);
        EXPECT_EQ(note("stopped"), note("before")) << "the shell has its terminal as it was";
    }
    terminal().type("end\n");
    EXPECT_EQ(terminal().wait_for_exit_status(), 3);
}

TEST_F(OwnTerminal, AnAgentThatStopsItselfStopsTheJob) {
    exec("echo ready; kill -STOP $$; echo again");
    terminal().wait_for("Stopped");
    terminal().run("fg");
    terminal().wait_for("\nagain");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

// Of a script, say, which does not continue what was stopped.
TEST_F(OwnTerminal, AnAgentThatStopsItselfStopsNobodyWhoEndsItInTime) {
    agent_does("touch began; kill -STOP $$; sleep 600");
    terminal().run(
        "bash -c 'timeout 5 capsulectl exec claude --provider zai; echo ended with $? >$NOTES/new; mv $NOTES/new "
        "$NOTES/over'");
    EXPECT_EQ(note("over"), "ended with 124\n");
    EXPECT_TRUE(noted("began"));
}

// Of a session that is not the terminal's, which somebody has left with setsid(1).
TEST_F(OwnTerminal, AnotherSessionsKeysAreNotTheAgents) {
    terminal().run("tty >$NOTES/of-root");
    agent_does("echo the agent is here; until [ -e end ]; do sleep 0.05; done");
    terminal().run("setsid capsulectl exec claude --provider zai");
    terminal().wait_for("the agent is here");
    const std::string of_root = note("of-root");
    const int open_terminal = open(of_root.substr(0, of_root.size() - 1).c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios settings{};
    EXPECT_EQ(tcgetattr(open_terminal, &settings), 0);
    close(open_terminal);
    EXPECT_NE(settings.c_lflag & ICANON, 0U) << "root's shell reads it";
    EXPECT_NE(settings.c_lflag & ECHO, 0U);
    write_file(notes() / "end", "");
}

TEST_F(OwnTerminal, ButThoseOfANewTerminalThatIsNobodysAre) {
    agent_does("head -c 1 >typed; exit 5");
    terminal().run(
        "python3 -c 'import os, pty, subprocess, sys; ours, theirs = pty.openpty(); os.write(ours, b\"x\\n\"); "
        "sys.exit(subprocess.call(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True))' "
        "capsulectl exec claude --provider zai");
    EXPECT_EQ(terminal().wait_for_exit_status(), 5);
    EXPECT_EQ(note("typed"), "x");
}

TEST_F(OwnTerminal, AJobInTheBackgroundIsStoppedWhereItMayNotWrite) {
    agent_does("touch began; until [ -e on ]; do sleep 0.05; done; echo the agent is here");
    terminal().run("exec env n=1 bash --norc");
    terminal().run("capsulectl exec claude --provider zai 2>/dev/null &");  // its warnings would stop it before
    EXPECT_TRUE(noted("began"));
    terminal().run("stty tostop");
    write_file(notes() / "on", "");
    terminal().run("until jobs | grep Stopped; do sleep 0.1; done");
    terminal().wait_for("[1]+  Stopped");
    EXPECT_THAT(terminal().screen(), Not(HasSubstr("the agent is here")));
    terminal().run("fg");
    terminal().wait_for("the agent is here");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

/// Somebody stops the job, which has no time to give the terminal back.
class StoppedByOthers : public OwnTerminal {
  protected:
    pid_t exec_and_stop(const std::string& script) const {
        terminal().run(
            "exec env n=1 bash --norc");  // it gives itself the terminal as it wants it, as not every shell does
        exec("cut -d ' ' -f 4 /proc/$PPID/stat >new; mv new relay; " + script);
        const auto relay = static_cast<pid_t>(std::stol(note("relay")));
        kill(relay, SIGSTOP);
        terminal().wait_for("Stopped");
        return relay;
    }
};

TEST_F(StoppedByOthers, AJobThatIsInTheBackgroundLeavesTheTerminalAsItIs) {
    const pid_t relay = exec_and_stop("until [ -e end ]; do sleep 0.05; done");
    terminal().run("bg");
    terminal().run("capsulectl auth set kimi");
    terminal().wait_for("it does not show");
    write_file(notes() / "end", "");
    EXPECT_TRUE(eventually([&] { return kill(relay, 0) != 0; }));
    terminal().type(keys::kimi);
    terminal().press({"Enter"});
    terminal().wait_for("New sessions use it");
}

TEST_F(StoppedByOthers, KeysAreTheAgentsAgainWhenItIsContinued) {
    exec_and_stop("stty -icanon; head -c 1 >typed.new; mv typed.new typed; echo");
    terminal().run("fg");
    terminal().wait_for("fg\ncapsulectl exec");
    terminal().type("x");
    EXPECT_EQ(note("typed"), "x");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

// Any process of the agent's can stop and continue it.
TEST_F(OwnTerminal, AnAgentThatWasStoppedManyTimesStopsTheJobOnce) {
    exec(
        "(for i in 1 2 3 4 5 6 7 8 9; do kill -STOP $$; sleep 0.1; kill -CONT $$; sleep 0.1; done; touch enough) & "
        "wait; exit 5");
    terminal().wait_for("Stopped");
    EXPECT_TRUE(noted("enough"));
    terminal().run("fg");
    EXPECT_EQ(terminal().wait_for_exit_status(), 5);
}

// The terminal that script(1) makes is one that takes 20 KB a second. No shell looks after it, so the agent goes on.
TEST_F(OwnTerminal, WhatOthersWriteWithoutEndKeepsNoJobFromStopping) {
    agent_does("for i in 1 2 3 4; do yes & done; sleep 1; kill -STOP $$; touch continued; kill $(jobs -p); exit 6");
    terminal().run(
        "script -qec 'capsulectl exec claude --provider zai' /dev/null | "
        "python3 -c 'import os, time; [time.sleep(.2) for _ in iter(lambda: os.read(0, 4096), b\"\")]'");
    EXPECT_TRUE(noted("continued"));
}

TEST_F(OwnTerminal, CtrlCIsTheAgents) {
    exec("trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done");
    terminal().wait_for("ready");
    terminal().press({"C-c"});
    terminal().wait_for("caught");
    EXPECT_EQ(terminal().wait_for_exit_status(), 7);
    exec("echo again; exec sleep 60");
    terminal().wait_for("again");
    terminal().press({"C-c"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

// The number of a group stays its terminal's, whoever gets it next.
TEST_F(OwnTerminal, CtrlCReachesNobodyWhoHasTheNumberOfAGroupThatEnded) {
    agent_does(R"sh(exec perl -e '
use POSIX; $SIG{TTOU} = $SIG{INT} = "IGNORE";
$SIG{USR1} = sub { open(my $told, ">", "told"); print $told "yes" };
open(my $tty, "+<", "/dev/tty"); pipe(my $read, my $write);
my $group = fork; if ($group == 0) { close $write; sysread($read, my $end, 1); POSIX::_exit(0) }
setpgid($group, $group); tcsetpgrp(fileno($tty), $group); close $write; waitpid($group, 0);
open(my $front, ">", "front.new"); print $front $group; close $front; rename "front.new", "front";
sleep 1 while 1')sh");
    Program program = ctl_program({"exec", "claude", "--provider", "zai"});
    const std::vector<std::string> attack{"/usr/bin/unshare", "--pid",        "--fork",
                                          "--kill-child",     "--mount-proc", CAPSULE_TEST_DATA "/ended_group.py",
                                          notes().string()};
    program.argv.insert(program.argv.begin(), attack.begin(), attack.end());
    const Outcome outcome = run_command(program, {}, std::chrono::seconds(120));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
}

TEST_F(OwnTerminal, ExitStatusAndDeathBySignalArePassedOn) {
    terminal().run("stty -g >$NOTES/before");
    for (const auto& [script, status] : {std::pair{"exit 42", 42}, {"kill -TERM $$", 143}, {"kill -KILL $$", 137}}) {
        exec(script);
        EXPECT_EQ(terminal().wait_for_exit_status(), status);
        terminal().run("stty -g >$NOTES/new && mv $NOTES/new $NOTES/after");
        EXPECT_EQ(note("after"), note("before")) << script;
        fs::remove(notes() / "after");
    }
}

// Its parent hears nothing of the end of a process that somebody traces.
TEST_F(OwnTerminal, AProcessThatTracesTheSessionAndKeepsItsEndHoldsNothingUp) {
    exec(traced_from_here + "exit 7");
    terminal().wait_for("its exit status is not known: a process traces it");
    EXPECT_EQ(terminal().wait_for_exit_status(), 1);
    EXPECT_FALSE(fs::exists(notes() / "let-go"));
    write_file(notes() / "let-go", "");
}

TEST_F(OwnTerminal, SignalsThatCapsulectlGetsAreTheAgents) {
    agent_does("trap 'touch terminated; exit 5' TERM; touch ready; while :; do sleep 0.05; done");
    terminal().run("capsulectl exec claude --provider zai & echo $! >$NOTES/pid; wait $!");
    EXPECT_TRUE(noted("ready"));
    kill(static_cast<pid_t>(std::stol(note("pid"))), SIGTERM);
    EXPECT_TRUE(noted("terminated"));
    EXPECT_EQ(terminal().wait_for_exit_status(), 5);
}

TEST_F(OwnTerminal, AKilledRelayHangsTheSessionUp) {
    agent_does("trap 'touch hung-up; exit' HUP; touch ready; while :; do sleep 0.05; done");
    terminal().run("capsulectl exec claude --provider zai & echo $! >$NOTES/pid; wait $!");
    EXPECT_TRUE(noted("ready"));
    kill(static_cast<pid_t>(std::stol(note("pid"))), SIGKILL);
    EXPECT_TRUE(noted("hung-up"));
}

// The terminal that is gone is one that script(1) has made. A program that works reads and writes nothing there.
TEST_F(OwnTerminal, TheAgentIsToldThatRootsTerminalIsGone) {
    agent_does(
        "trap 'touch hung-up; exit' HUP; cut -d ' ' -f 4 /proc/$PPID/stat >new; mv new relay; while :; do sleep 0.05; "
        "done");
    terminal().run("script -qec 'capsulectl exec claude --provider zai' /dev/null");
    pid_t script = static_cast<pid_t>(std::stol(note("relay")));
    while (status_field(script, "Name").find("script") == std::string::npos)
        script = static_cast<pid_t>(std::stol(status_field(script, "PPid")));
    kill(script, SIGKILL);
    EXPECT_TRUE(noted("hung-up"));
}

}  // namespace
}  // namespace capsule::test
