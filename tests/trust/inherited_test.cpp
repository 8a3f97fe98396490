// What a program gets from the login of root that has started it, and must not have once it is the session's user.
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/unique_fd.hpp"
#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Identity agent{4711, 4711};

class Inherited : public CapsuleTest {
  protected:
    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to serve another user";
        const fs::path agent_home = dir_ / "agents-home";
        for (const fs::path& theirs : {agent_home, notes()}) {
            fs::create_directories(theirs);
            ASSERT_EQ(chown(theirs.c_str(), agent.uid, agent.gid), 0);
        }
        write_file(dir_ / "passwd",
                   read_file("/etc/passwd") + "agent:x:4711:4711::" + agent_home.string() + ":/bin/sh\n");
        fs::permissions(dir_ / "passwd", fs::perms{0644});
    }

    fs::path notes() const { return dir_ / "notes"; }

    /// Claude Code's stand-in notes what `script` prints, each start in a file of its own.
    void set_claude(const std::string& script) const {
        const fs::path program = agents_.bin() / "claude";
        fs::remove(program);
        write_file(program, "#!/bin/sh\n{ " + script + "; } >'" + notes().string() +
                                "'/$$ 2>&1\ncase \"$*\" in --version) echo '2.1.332 (Claude Code)'; esac\n");
        fs::permissions(program, fs::perms{0755});
    }

    void start_for_agent() {
        start({.config = "[session]\nuser = \"agent\"\n", .passwd = dir_ / "passwd"});
        call("status");  // it asks the agents for their versions
    }

    std::vector<std::string> all_notes() const {
        std::vector<std::string> out;
        for (const fs::directory_entry& entry : fs::directory_iterator(notes()))
            out.push_back(read_file(entry.path()));
        return out;
    }
};

TEST_F(Inherited, NobodyHasTheKeyringOfRootsLogin) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) GTEST_SKIP() << "no keyrings here";
    constexpr std::string_view secret = "FAKE-ticket";
    ASSERT_GE(syscall(SYS_add_key, "user", "capsule-test", secret.data(), secret.size(), KEY_SPEC_SESSION_KEYRING), 0);
    set_claude("/usr/bin/python3 -c 'import ctypes; print(\"found\", ctypes.CDLL(None).syscall(" +
               std::to_string(SYS_keyctl) + ", " + std::to_string(KEYCTL_SEARCH) +
               ", -3, b\"user\", b\"capsule-test\", 0))'; /usr/bin/id -u");
    start_for_agent();
    ASSERT_TRUE(eventually([&] { return !all_notes().empty(); })) << "the daemon's --version";
    ctl({"exec", "claude", "--provider", "zai"});
    ctl({"verify", "claude", "--provider", "zai"});
    const std::vector<std::string> seen = all_notes();
    EXPECT_GE(seen.size(), 3U);
    for (const std::string& each : seen)
        EXPECT_EQ(each, "found -1\n4711\n");
}

/// Root's verify, while its first trial runs.
class InheritedByVerify : public Inherited {
  protected:
    void SetUp() override {
        Inherited::SetUp();
        if (IsSkipped()) return;
        set_claude("echo of $PPID; pwd; while [ ! -e '" + (dir_ / "looked").string() + "' ]; do /bin/sleep 0.05; done");
        fs::permissions(dir_.path(), fs::perms{0755});
        start_for_agent();
        write_file(dir_ / "looked", "");
        ASSERT_TRUE(eventually([&] { return !all_notes().empty(); }));
        for (const fs::directory_entry& entry : fs::directory_iterator(notes()))
            fs::remove(entry.path());
        fs::remove(dir_ / "looked");

        Program verify = ctl_program({"verify", "claude", "--provider", "zai"});
        verify.env["GH_TOKEN"] = "FAKE-of-root";
        const UniqueFd of_root(open((dir_ / "of-root").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        started_ = start_program(verify, {of_root.get(), of_root.get(), of_root.get()});
        std::string note;
        ASSERT_TRUE(eventually([&] {
            // The daemon asks for versions, too.
            for (const std::string& each : all_notes())
                if (std::ranges::count(each, '\n') == 2 && is_of_verify(std::stoi(each.substr(each.find(' ')))))
                    note = each;
            return !note.empty();
        }));
        project_ = note.substr(note.find('/'), note.rfind('\n') - note.find('/'));
        verifying_ = std::stoi(note.substr(note.find(' ')));
        EXPECT_THAT(status_field(verifying_, "Uid"), HasSubstr("4711"));
    }

    int end() {
        write_file(dir_ / "looked", "");
        return wait_for_exit(started_, std::chrono::seconds(90));
    }

    bool is_of_verify(pid_t pid) const {
        return fs::exists(proc_path(pid, "status")) && status_field(pid, "PPid") == std::to_string(started_);
    }

    pid_t started_ = -1;
    pid_t verifying_ = -1;
    fs::path project_;  ///< of the trial
};

// The session's user can open the memory of a process that has become theirs, if only for a moment.
TEST_F(InheritedByVerify, IsNothingOfRootsInTheMemoryThatBecomesTheUsers) {
    std::string found;
    if (memory_is_the_daemons_own)  // and not a sanitizer's
        each_writable_mapping(verifying_, [&](std::string_view bytes, const std::string& name) {
            if (bytes.find("FAKE-of-root") != std::string_view::npos) found += name + " ";
        });
    EXPECT_EQ(found, "");
    EXPECT_THAT(read_file(proc_path(verifying_, "environ")), Not(HasSubstr("GH_TOKEN")));
    end();
}

// And take what it has open. A network socket would make them root where they listen with it.
TEST_F(InheritedByVerify, IsNothingThatRootHasOpen) {
    std::string open;
    for (const fs::directory_entry& each : fs::directory_iterator(proc_path(verifying_, "fd")))
        open += each.path().filename().string() + " is " + fs::read_symlink(each.path()).string() + "\n";
    EXPECT_THAT(open, AllOf(HasSubstr("0 is /dev/null\n"), HasSubstr("1 is /memfd:said"), HasSubstr("2 is /memfd:said"),
                            Not(HasSubstr("of-root"))));
    EXPECT_EQ(fs::read_symlink(proc_path(verifying_, "cwd")), "/");
    EXPECT_EQ(getsid(verifying_), verifying_) << "nor root's terminal, by its name";
    EXPECT_EQ(end(), 1) << "the agent has sent nothing";
    EXPECT_THAT(read_file(dir_ / "of-root"), AllOf(HasSubstr("SESSION\nclaude"), HasSubstr("Z.AI")))
        << "root writes what came of it";
}

TEST_F(InheritedByVerify, KeepsRootWaitingNoLongerThanRootLikes) {
    kill(verifying_, SIGSTOP);  // as any process of that user can
    kill(started_, SIGINT);
    EXPECT_EQ(wait_for_exit(started_, std::chrono::seconds(90)), 130);
    fs::remove_all(project_.parent_path());  // who was killed has left it
}

TEST_F(InheritedByVerify, EndsWithRoots) {
    kill(started_, SIGKILL);
    wait_for_exit(started_, std::chrono::seconds(90));
    EXPECT_TRUE(eventually([&] {
        std::error_code ended;  // nobody may have reaped it
        [[maybe_unused]] const fs::path program = fs::read_symlink(proc_path(verifying_, "exe"), ended);
        return static_cast<bool>(ended);
    }));
}

// A shell's line runs the agent as who has typed it: root would run what the session's user has in its home.
TEST_F(Inherited, NoShellsLineStartsTheAgentAsRoot) {
    set_claude("/usr/bin/id -u");
    start_for_agent();
    for (const char* format : {"shell", "env0"}) {
        const Outcome outcome = ctl({"spawn", "claude", "--provider", "zai", "--format", format});
        EXPECT_EQ(outcome.exit_code, 4) << format;
        EXPECT_EQ(outcome.out, "") << format;
        EXPECT_THAT(outcome.err, HasSubstr("the session's user is agent (uid 4711), and this line would start the "
                                           "agent as uid 0\n  hint: use \"capsulectl exec\""));
    }
    EXPECT_EQ(ctl({"spawn", "claude", "--provider", "zai"}).exit_code, 0) << "a launcher becomes the user itself";
}

class InheritedLogin : public Inherited {
  protected:
    /// What root's capsulectl says, or `who`'s, which `words` give to, from a login.
    Outcome from_login(const std::vector<std::string>& words, std::optional<Identity> who = {}) {
        Program program = ctl_program(words);
        program.identity = who;
        program.env = with(program.env, {{"XDG_RUNTIME_DIR", "/run/of-root"},
                                         {"SSH_AUTH_SOCK", "/run/of-root/ssh"},
                                         {"DISPLAY", ":7"},
                                         {"WAYLAND_DISPLAY", "wayland-7"},
                                         {"COLORTERM", "truecolor"}});
        return run_command(program);
    }

    /// What the session of `exec` has.
    std::string environment_of_exec(const std::vector<std::string>& more = {}) {
        write_file(agents_.bin() / "claude", "#!/bin/sh\nexec /usr/bin/env\n");
        std::vector<std::string> words{"exec", "claude", "--provider", "zai"};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = from_login(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        return outcome.out;
    }
};

TEST_F(InheritedLogin, IsNotAnotherUsers) {
    start(
        {.config = "[session]\nuser = \"agent\"\n[env]\nWAYLAND_DISPLAY = \"wayland-7\"\n", .passwd = dir_ / "passwd"});
    const std::string seen = environment_of_exec({"--env", "DISPLAY=:8"});
    EXPECT_THAT(seen, Not(HasSubstr("of-root")));
    EXPECT_THAT(seen, HasSubstr("\nDISPLAY=:8\n")) << "root has named it";
    EXPECT_THAT(seen, HasSubstr("\nWAYLAND_DISPLAY=wayland-7\n")) << "the configuration has";
    EXPECT_THAT(seen, HasSubstr("\nCOLORTERM=truecolor\n")) << "it is of the terminal";
    for (const char* command : {"spawn", "explain"}) {
        const Outcome outcome = from_login({command, "claude", "--provider", "zai", "--json"});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_THAT(outcome.out, AllOf(HasSubstr("truecolor"), Not(HasSubstr("of-root")), Not(HasSubstr("\":7\""))))
            << command;
    }
}

// Who becomes the agent's user for it is its own affair.
TEST_F(InheritedLogin, OfALauncherThatIsNotRootIsNotAnotherUsers) {
    constexpr Identity launcher{4714, 4714};
    write_file(dir_ / "passwd", read_file(dir_ / "passwd") + "launcher:x:4714:4714::/nonexistent:/bin/sh\n");
    start({.config = "[session]\nuser = \"agent\"\n[access]\nspawn = [\"launcher\"]\n", .passwd = dir_ / "passwd"});
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    for (const auto& [command, more] :
         {std::pair{"spawn", "--env=DISPLAY=:8"}, std::pair{"explain", "--env=DISPLAY=:8"}}) {
        const Outcome outcome = from_login({command, "claude", "--provider", "zai", "--json", more}, launcher);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_THAT(outcome.out, AllOf(HasSubstr("truecolor"), HasSubstr("\":8\""), Not(HasSubstr("of-root")),
                                       Not(HasSubstr("wayland-7"))))
            << command;
    }
}

TEST_F(InheritedLogin, IsRootsOwnSessions) {
    start();
    EXPECT_THAT(environment_of_exec(), AllOf(HasSubstr("\nDISPLAY=:7\n"), HasSubstr("=/run/of-root\n")));
}

int listen_at(int descriptor, const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    const int bound = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return bound == 0 ? ::listen(descriptor, 1) : bound;
}

// A socket is its maker's for good, whoever listens with it: as root, at the port of a server that a key is sent to.
TEST_F(Inherited, NoSocketIsTheSessionsByWhichOneIsRoot) {
    write_file(agents_.bin() / "claude", "#!/bin/sh\necho started\n");
    start_for_agent();
    const auto exec = [&](int descriptor, const std::string& redirections, const std::vector<std::string>& options) {
        Program program = ctl_program({"exec", "claude", "--provider", "zai"});
        program.argv.insert(program.argv.end(), options.begin(), options.end());
        program.argv.insert(program.argv.begin(), {"/bin/sh", "-c", "exec \"$@\" " + redirections, "sh"});
        const UniqueFd said(open((dir_ / "said").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        const pid_t started = start_program(program, {descriptor, said.get(), said.get()});
        return Outcome{wait_for_exit(started, std::chrono::seconds(90)), "", read_file(dir_ / "said")};
    };
    for (const int family : {AF_INET, AF_INET6}) {
        const UniqueFd made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!made) continue;
        for (const auto& [redirections, options, number] : {std::tuple{"", std::vector<std::string>{}, "0"},
                                                            {"1>&0 </dev/null", {}, "1"},
                                                            {"5<&0 </dev/null", {"--keep-fd", "5"}, "5"}}) {
            const Outcome outcome = exec(made.get(), redirections, options);
            EXPECT_EQ(outcome.exit_code, 4) << redirections;
            EXPECT_THAT(outcome.err,
                        AllOf(HasSubstr(std::string("descriptor ") + number + " is a network socket of user 0"),
                              Not(HasSubstr("started"))));
        }
        ASSERT_EQ(fchown(made.get(), agent.uid, agent.gid), 0);
        EXPECT_EQ(exec(made.get(), "", {}).exit_code, 0) << "the session's user has made it";
    }
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    EXPECT_EQ(exec(pair[0], "", {}).exit_code, 0) << "nobody listens with it";
    for (const int each : pair)
        close(each);
    const UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(listen_at(listening.get(), dir_ / "of-root.sock"), 0);
    const Outcome outcome = exec(listening.get(), "", {});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr("descriptor 0 is a listening socket of user 0"), Not(HasSubstr("started"))));
    ASSERT_EQ(fchown(listening.get(), agent.uid, agent.gid), 0);
    EXPECT_EQ(exec(listening.get(), "", {}).exit_code, 0);
}

}  // namespace
}  // namespace capsule::test
