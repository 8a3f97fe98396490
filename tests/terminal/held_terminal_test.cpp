// A process of the session's user that is after the session's terminal: to have it for its own, or to hold it so that
// whoever closes or resizes it waits in the kernel, where not even SIGKILL ends anybody.
#include "tests/support/silent_file.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/terminal/own_terminal.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;

/// Its user has no terminals of other tests that run beside it.
class OnlyTerminal : public OwnTerminal {
  protected:
    OnlyTerminal() { agent_id = 4712; }
};

// Whoever leads a session without a terminal makes the first one its own that it opens.
TEST_F(OnlyTerminal, AProcessOfAnEarlierSessionDoesNotGetTheNextOnesTerminal) {
    exec(R"sh(perl -e '
use POSIX; fork and exit; POSIX::setsid(); $SIG{$_} = "IGNORE" for qw(INT HUP QUIT TSTP);
open(my $there, ">", "there");
until (-e "end") { for my $number (0 .. 63) {
    sysopen(my $new, "/dev/pts/$number", O_RDWR | O_NONBLOCK) or next;
    sysopen(my $own, "/dev/tty", O_RDWR | O_NOCTTY) or next;
    open(my $stolen, ">", "stolen"); sleep 1 until -e "end"; last
} }
open(my $ended, ">", "ended")'
until [ -e there ]; do sleep 0.05; done)sh");
    EXPECT_TRUE(noted("there"));
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    for (const std::string each : {"first", "second", "third"}) {
        exec("trap 'echo caught the " + each + "; exit 7' INT; (tty </dev/tty) >controlling; echo ready for the " +
             each + "; while :; do sleep 0.05; done");
        terminal().wait_for("ready for the " + each);
        terminal().press({"C-c"});
        terminal().wait_for("caught the " + each);
        EXPECT_EQ(terminal().wait_for_exit_status(), 7);
        EXPECT_EQ(note("controlling"), "/dev/tty\n");
    }
    EXPECT_FALSE(fs::exists(notes() / "stolen"));
    write_file(notes() / "end", "");
    EXPECT_TRUE(noted("ended"));
}

bool has_open(pid_t pid, std::string_view name) {
    std::error_code error;
    for (const fs::directory_entry& each : fs::directory_iterator(proc_path(pid, "fd"), error))
        if (fs::read_symlink(each.path(), error).filename() == name) return true;
    return false;
}

/// One of the agent's processes makes a call on the terminal with memory that never comes.
class HeldTerminal : public OwnTerminal {
  protected:
    void SetUp() override {
        if (!has_mounts_of_its_own()) GTEST_SKIP() << "needs /dev/fuse and mounts of its own";
        OwnTerminal::SetUp();
        page_ = std::make_unique<SilentFile>(notes() / "page", until_it_fails);
    }
    void TearDown() override {
        page_.reset();
        OwnTerminal::TearDown();
    }

    /// What the agent does until it is held, and then. `call` is Python's: `kernel` has the calls, `page` the memory.
    void exec_held(const std::string& call, const std::string& then,
                   std::string_view line = "capsulectl exec claude --provider zai") {
        agent_does(R"sh(python3 -c '
import ctypes, mmap, os, signal, termios
if os.fork(): os._exit(0)
os.setsid(); signal.signal(signal.SIGHUP, signal.SIG_IGN)
memory = mmap.mmap(os.open("page", os.O_RDONLY), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
page = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
kernel = ctypes.CDLL(None)
)sh" + call + "'\nuntil [ -e held ]; do sleep 0.05; done\n" +
                   then);
        terminal().run(line);
        ASSERT_TRUE(eventually([&] { return page_->was_read(); }));
        write_file(notes() / "held", "");
    }

    static constexpr std::chrono::seconds until_it_fails{240};
    std::unique_ptr<SilentFile> page_;
};

constexpr const char* writes = "kernel.write(1, page, 4096)";

TEST_F(HeldTerminal, AProcessThatIsStillWritingKeepsNoExecFromEnding) {
    terminal().run("stty -g >$NOTES/before");
    exec_held(writes, "exit 7");
    EXPECT_EQ(terminal().wait_for_exit_status(), 7);
    terminal().run("stty -g >$NOTES/new && mv $NOTES/new $NOTES/after");
    EXPECT_EQ(note("after"), note("before"));
}

TEST_F(HeldTerminal, NorDoesItKeepAKilledOneFromEnding) {
    exec_held(writes, "touch ready; while :; do sleep 0.05; done");
    EXPECT_TRUE(noted("ready"));
    terminal().press({"C-c"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

// The terminal that is gone is one that script(1) has made.
TEST_F(HeldTerminal, NorOneWhoseOwnTerminalIsGone) {
    exec_held(writes,
              "trap '' HUP; cut -d ' ' -f 4 /proc/$PPID/stat >new; mv new relay; until [ -e end ]; do sleep 0.05; done",
              "script -qec 'capsulectl exec claude --provider zai' /dev/null");
    const auto relay = static_cast<pid_t>(std::stol(note("relay")));
    pid_t script = relay;
    while (status_field(script, "Name").find("script") == std::string::npos)
        script = static_cast<pid_t>(std::stol(status_field(script, "PPid")));
    kill(script, SIGKILL);
    EXPECT_TRUE(eventually([&] { return !has_open(relay, "ptmx"); })) << "it has hung the session's terminal up";
    EXPECT_EQ(kill(relay, 0), 0) << "the agent goes on";
    write_file(notes() / "end", "");
    std::error_code ended;  // nobody may have reaped it
    EXPECT_TRUE(eventually([&] {
        [[maybe_unused]] const fs::path program = fs::read_symlink(proc_path(relay, "exe"), ended);
        return static_cast<bool>(ended);
    }));
}

TEST_F(HeldTerminal, NorAnotherSizeFromReachingTheOthers) {
    exec_held("kernel.ioctl(1, termios.TIOCGWINSZ, page)", R"sh(trap "echo; exit 9" INT
echo ready
while read -r line; do
    echo "got $line"
    [ "$line" = new ] || continue
    until [ "$(stty size)" = "23 74" ]; do sleep 0.05; done
    echo "it has come"
done)sh");
    terminal().wait_for("ready");
    for (const Tmux::Size& size : {Tmux::Size{72, 21}, Tmux::Size{73, 22}, Tmux::Size{74, 23}}) {
        terminal().resize(size);
        terminal().type("sized " + std::to_string(size.columns) + "\n");
        terminal().wait_for("got sized " + std::to_string(size.columns));
    }
    page_.reset();
    terminal().type("new\n");
    terminal().wait_for("it has come");
    terminal().press({"C-c"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 9);
}

}  // namespace
}  // namespace capsule::test
