// Whoever starts the programs leaves them more than arguments and an environment: signals that are ignored or blocked,
// securebits, a terminal, a working directory.
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/trust/programs_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

/// Ignores a signal in this process and what it starts, until the end of the scope.
class Ignored {
  public:
    explicit Ignored(int number) : number_(number), before_(std::signal(number, SIG_IGN)) {}
    ~Ignored() { std::signal(number_, before_); }
    Ignored(const Ignored&) = delete;
    Ignored& operator=(const Ignored&) = delete;

  private:
    int number_;
    void (*before_)(int);
};

/// Blocks all signals likewise.
class AllBlocked {
  public:
    AllBlocked() {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before_);
    }
    ~AllBlocked() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
    AllBlocked(const AllBlocked&) = delete;
    AllBlocked& operator=(const AllBlocked&) = delete;

  private:
    sigset_t before_{};
};

/// Of this process and what it starts, until the end of the scope.
class Securebits {
  public:
    explicit Securebits(int more)
        : before_(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)), set_(prctl(PR_SET_SECUREBITS, before_ | more, 0, 0, 0) == 0) {}
    ~Securebits() { prctl(PR_SET_SECUREBITS, before_, 0, 0, 0); }
    Securebits(const Securebits&) = delete;
    Securebits& operator=(const Securebits&) = delete;
    bool are_set() const { return set_; }

  private:
    int before_;
    bool set_;
};

/// All of this process's capabilities are inheritable, as Docker had them before 20.10.14, until the end of the scope.
class Inheritable {
  public:
    Inheritable() : set_(change(true)) {}
    ~Inheritable() { change(false); }
    Inheritable(const Inheritable&) = delete;
    Inheritable& operator=(const Inheritable&) = delete;
    bool are_set() const { return set_; }

  private:
    static bool change(bool all) {
        __user_cap_header_struct own{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
        bool some = syscall(SYS_capget, &own, sets.data()) == 0;
        for (auto& set : sets)
            set.inheritable = all ? set.permitted : 0;
        some = some && sets[0].permitted != 0;
        return syscall(SYS_capset, &own, sets.data()) == 0 && some;
    }

    bool set_;
};

class Started : public Programs {
  protected:
    void agent_does(std::string_view script) const {
        write_file(agents_.bin() / "claude", script);
        fs::permissions(agents_.bin() / "claude", fs::perms{0755});
    }
    Program exec_under(const std::vector<std::string>& starter) const {
        Program program = ctl_program({"exec", "claude", "--provider", "zai"});
        program.argv.insert(program.argv.begin(), starter.begin(), starter.end());
        return program;
    }
};

const std::vector<std::string> no_children{"/usr/bin/env", "--ignore-signal=CHLD"};

// The C library opens the file that TZ names, for the time of a line of the log.
TEST_F(Started, WithATimeZoneInAnAgentsDirectoryTheDaemonDoesNotWaitForIt) {
    const fs::path zone = dir_ / "zone";
    ASSERT_EQ(mkfifo(zone.c_str(), 0666), 0);
    start({.env = {{"TZ", ":" + zone.string()}}});
    expect_alive();
}

// The kernel would reap the agents' programs, and their numbers would be others'.
TEST_F(Started, WithSigchldIgnoredTheDaemonSeesItsProgramsEnd) {
    {
        const Ignored ignored(SIGCHLD);
        start_for_agent();
    }
    for (const char* version : {"/agents/0/version", "/agents/1/version", "/agents/2/version"})
        EXPECT_TRUE(eventually([&] { return at(call("status"), version).is_string(); })) << version;
}

TEST_F(Started, WithAllSignalsBlockedTheDaemonReloadsAndEnds) {
    {
        const AllBlocked blocked;
        start_for_agent();
    }
    write_file(config_file(), "[session]\nuser = \"agent\"\n[claude]\nprovider = \"kimi\"\n");
    daemon().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return text_at(call("spawn", R"({"agent":"claude"})"), "/provider") == "kimi"; }));
    EXPECT_EQ(daemon().stop(), 0);
}

TEST_F(Started, WithSigchldIgnoredExecOnATerminalEndsAsItsAgent) {
    start_for_agent();
    agent_does("#!/bin/sh\nexit 7\n");
    const Outcome outcome = run_on_terminal(exec_under(no_children));
    EXPECT_EQ(outcome.exit_code, 7) << outcome.out;
}

// As nohup means it: what the launcher ignores and blocks is the agent's, too.
TEST_F(Started, TheAgentHasTheSignalsOfItsLauncher) {
    start_for_agent();
    agent_does(
        "#!/usr/bin/python3\nimport re\nseen = dict(re.findall('Sig(Blk|Ign):\\t(.*)', "
        "open('/proc/self/status').read()))\n"
        "print(f\"blocked {int(seen['Blk'], 16):x}, ignored {int(seen['Ign'], 16) & 0x10002:x}\")\n");
    Program program = exec_under({"/usr/bin/env", "--ignore-signal=CHLD,INT", "--block-signal=USR2"});
    for (const Outcome& outcome : {run_command(program), run_on_terminal(program)}) {
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_THAT(outcome.out, HasSubstr("blocked 800, ignored 10002"));
    }
}

// systemd's SecureBits=, for example: the kernel then takes no capability away where the user changes.
TEST_F(Started, SecurebitsLeaveNobodyRootsCapabilities) {
    const fs::path roots = dir_ / "of-root";
    fs::create_directories(roots);
    write_file(roots / "opencode.json", "{}");
    fs::permissions(roots, fs::perms{0700});
    fs::create_directories(agent_home() / ".codex");
    fs::create_directories(agent_home() / ".config/opencode");
    fs::create_symlink(roots / "new.toml", agent_home() / ".codex/config.toml");
    fs::create_symlink(roots / "opencode.json", agent_home() / ".config/opencode/opencode.json");
    for (const char* each : {".codex", ".config", ".config/opencode"})
        ASSERT_EQ(chown((agent_home() / each).c_str(), agent.uid, agent.gid), 0);
    const std::string before = snapshot(roots);
    const Securebits kept(SECBIT_NO_SETUID_FIXUP);
    if (!kept.are_set()) GTEST_SKIP() << "needs CAP_SETPCAP";
    const fs::path ids = dir_ / "agents-tmp/ids";
    agent_does("#!/bin/sh\n/bin/grep -E '^(Uid|Cap(Prm|Eff|Amb)):' /proc/self/status >'" + ids.string() +
               "'\necho '2.1.332 (Claude Code)'\n");
    start_for_agent();
    call("status");  // it asks the agents for their versions
    ASSERT_TRUE(eventually([&] { return fs::exists(ids) && read_file(ids).find("CapAmb") != std::string::npos; }));
    const std::string of_version = read_file(ids);
    for (const char* cell : {spawn_codex.data(), R"({"agent":"opencode","provider":"zai"})"})
        call("spawn", cell);
    const Outcome outcome = run_command(ctl_program({"exec", "claude", "--provider", "zai"}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(snapshot(roots), before);
    const std::string none = "0000000000000000\n";
    for (const std::string& seen : {of_version, read_file(ids)})
        EXPECT_EQ(seen, "Uid:\t4711\t4711\t4711\t4711\nCapPrm:\t" + none + "CapEff:\t" + none + "CapAmb:\t" + none);
    std::size_t acting = 0;
    for (const fs::directory_entry& thread : fs::directory_iterator(proc_path(daemon().pid(), "task"))) {
        const pid_t id = std::stoi(thread.path().filename().string());
        if (!status_field(id, "Uid").ends_with("\t4711")) continue;
        ++acting;
        EXPECT_EQ(status_field(id, "CapEff") + "\n", none);
    }
    EXPECT_GT(acting, 0U) << "the home's threads";
}

// Before it executes what the agent's user has under that name.
TEST_F(Started, SecurebitsLeaveNoneToWhatBecomesTheAgentsUser) {
    const Securebits kept(SECBIT_NO_SETUID_FIXUP);
    if (!kept.are_set()) GTEST_SKIP() << "needs CAP_SETPCAP";
    start_for_agent();
    RawConnection slow = daemon().connect();
    auto lease = std::make_unique<Lease>(agents_.bin() / "codex");
    slow.send_line(request("1", "spawn", spawn_codex));
    ASSERT_TRUE(eventually([&] { return program_of_agent() != 0; }));
    const pid_t child = program_of_agent();
    EXPECT_TRUE(eventually([&] { return status_field(child, "CapPrm") == "0000000000000000"; }));
    lease.reset();
    EXPECT_THAT(slow.read_line().value(), HasSubstr("\"result\""));
}

TEST_F(Started, NorToTheBroker) {
    const Securebits kept(SECBIT_NO_SETUID_FIXUP);
    if (!kept.are_set()) GTEST_SKIP() << "needs CAP_SETPCAP";
    start({.config = "[session]\nuser = \"agent\"\nkeys = \"broker\"\n[broker]\nuser = \"daemon\"\n",
           .passwd = dir_ / "passwd"});
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude","provider":"zai"})"), "/user/name"), "agent");
}

// By one of them a program whose file has it, too, would have it again: where the session may gain privileges.
TEST_F(Started, ALaunchersInheritableCapabilitiesAreNobodysElse) {
    const Inheritable all;
    if (!all.are_set()) GTEST_SKIP() << "needs capabilities";
    const fs::path ids = dir_ / "agents-tmp/ids";
    agent_does("#!/bin/sh\n/bin/grep CapInh: /proc/self/status >'" + ids.string() +
               "'\necho '2.1.332 (Claude Code)'\n");
    start({.config = "[session]\nuser = \"agent\"\nprivileges = \"keep\"\n", .passwd = dir_ / "passwd"});
    ASSERT_NE(status_field(daemon().pid(), "CapInh"), "0000000000000000");
    call("status");  // it asks the agents for their versions
    ASSERT_TRUE(eventually([&] { return fs::exists(ids) && !read_file(ids).empty(); }));
    EXPECT_EQ(read_file(ids), "CapInh:\t0000000000000000\n");
    const Outcome outcome = run_command(ctl_program({"exec", "claude", "--provider", "zai"}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(read_file(ids), "CapInh:\t0000000000000000\n");
}

TEST_F(Started, OnATerminalTheBrokerHasItToWriteToAlone) {
    start_for_agent();
    stop();
    write_file(config_file(), "[session]\nuser = \"agent\"\nkeys = \"broker\"\n[broker]\nuser = \"daemon\"\n");
    Program program{.argv = {CAPSULED_BINARY, "--socket", socket().string(), "--config", config_file().string()},
                    .env = with(base_env(), all_keys()),
                    .passwd = dir_ / "passwd"};
    int master = -1, slave = -1;
    ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    const pid_t started = start_program(program, {slave, slave, slave, true});
    close(slave);
    std::string descriptor, name;
    const auto looked = [&] {
        for (const fs::directory_entry& entry : fs::directory_iterator("/proc"))
            try {
                const pid_t pid = std::stoi(entry.path().filename().string());
                if (status_field(pid, "Name") != "capsule-broker" ||
                    status_field(pid, "PPid") != std::to_string(started))
                    continue;
                name = fs::read_symlink(proc_path(pid, "fd/2")).string();
                descriptor = read_file(proc_path(pid, "fdinfo/2"));
                return status_field(pid, "Seccomp") == "2";  // it is what it stays
            } catch (const std::exception&) {
                continue;  // no process, or one that has ended meanwhile
            }
        return false;
    };
    EXPECT_TRUE(eventually(looked));
    kill(started, SIGTERM);
    EXPECT_EQ(wait_for_exit(started, std::chrono::seconds(30)), 0);
    close(master);
    EXPECT_THAT(name, HasSubstr("/dev/pts/")) << "its messages are seen";
    const auto flags = descriptor.find("flags:");
    ASSERT_NE(flags, std::string::npos) << descriptor;
    EXPECT_EQ(std::stoul(descriptor.substr(flags + 6), nullptr, 8) & O_ACCMODE, static_cast<unsigned long>(O_WRONLY));
}

// Whose it is would be asked of another directory than the one that is written to.
TEST_F(Started, ARelativeStateDirectoryIsRefused) {
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--check-config"}}) {
        Program program{.argv = {CAPSULED_BINARY, "--socket", socket().string()},
                        .env = with(base_env(), {{"STATE_DIRECTORY", "state"}}),
                        .cwd = dir_.path()};
        program.argv.insert(program.argv.end(), more.begin(), more.end());
        const Outcome outcome = run_command(program);
        EXPECT_EQ(outcome.exit_code, 1);
        EXPECT_THAT(outcome.err, AllOf(HasSubstr("STATE_DIRECTORY is no absolute path: state"), HasSubstr("hint")));
    }
}

}  // namespace
}  // namespace capsule::test
