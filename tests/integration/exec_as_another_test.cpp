// capsulectl exec becomes the session's user, and then the agent.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/exec_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

/// A user of the test's own, in a password file that only this daemon sees.
class ExecAsAnother : public Exec {
  protected:
    static constexpr uid_t agent_id = 4711;

    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to serve another user";
        agent_home_ = dir_ / "agents-home";
        fs::create_directories(agent_home_);
        ASSERT_EQ(chown(agent_home_.c_str(), agent_id, agent_id), 0);
        write_file(dir_ / "passwd",
                   read_file("/etc/passwd") + "agent:x:4711:4711::" + agent_home_.string() + ":/bin/sh\n");
        fs::permissions(dir_ / "passwd", fs::perms{0644});
        start_for_agent();
    }

    void start_for_agent() {
        start({.env = with(all_keys(), {{"XDG_RUNTIME_DIR", "/run/of-root"}, {"SSH_AUTH_SOCK", "/run/of-root/ssh"}}),
               .config = "[session]\nuser = \"agent\"\n",
               .passwd = dir_ / "passwd"});
    }

    fs::path agent_home_;
};

TEST_F(ExecAsAnother, TheSessionIsThatUsers) {
    const json::value plan = call("spawn", R"({"agent":"codex","provider":"minimax"})");
    EXPECT_EQ(text_at(plan, "/user/name"), "agent");
    EXPECT_EQ(at(plan, "/user/uid").to_number<uid_t>(), agent_id);
    EXPECT_EQ(at(plan, "/user/gid").to_number<gid_t>(), agent_id);
    EXPECT_EQ(text_at(plan, "/env/HOME"), agent_home_.string());
    EXPECT_EQ(text_at(plan, "/env/USER"), "agent");
    EXPECT_EQ(text_at(plan, "/env/LOGNAME"), "agent");
    EXPECT_EQ(text_at(plan, "/env/SHELL"), "/bin/sh");
    EXPECT_FALSE(has(plan, "/env/XDG_RUNTIME_DIR")) << "of the daemon's login";
    EXPECT_FALSE(has(plan, "/env/SSH_AUTH_SOCK"));
    call("spawn", R"({"agent":"opencode","provider":"zai"})");
    std::size_t files = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(agent_home_)) {
        struct stat facts {};
        ASSERT_EQ(lstat(entry.path().c_str(), &facts), 0);
        EXPECT_EQ(facts.st_uid, agent_id) << entry.path();
        EXPECT_EQ(facts.st_gid, agent_id) << entry.path();
        files += S_ISREG(facts.st_mode);
    }
    EXPECT_EQ(files, 8U);
    EXPECT_TRUE(fs::is_empty(home()));
    EXPECT_THAT(json::serialize(at(call("status"), "/warnings")), Not(HasSubstr("own user")));
}

TEST_F(ExecAsAnother, ItsTemporaryFilesAreInADirectoryOfItsOwn) {
    const std::string own = text_at(call("spawn", R"({"agent":"claude","provider":"zai"})"), "/env/TMPDIR");
    EXPECT_EQ(own, "/tmp/capsule-4711");
    struct stat status {};
    ASSERT_EQ(lstat(own.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, agent_id);
    EXPECT_EQ(status.st_mode, S_IFDIR | 0700U);
    stop();
    const std::string config = "[session]\nuser = \"agent\"\n";
    start({.env = with(all_keys(), {{"INVOCATION_ID", "of systemd"}}), .config = config, .passwd = dir_ / "passwd"});
    EXPECT_FALSE(has(call("spawn", R"({"agent":"claude","provider":"zai"})"), "/env/TMPDIR"))
        << "a service's /tmp is not the session's";
}

TEST_F(ExecAsAnother, AnyNameThatTheSystemKnowsWillDo) {
    stop();
    const std::string name = "user@corp.example.com";
    write_file(dir_ / "passwd",
               read_file("/etc/passwd") + name + ":x:4711:4711::" + agent_home_.string() + ":/bin/sh\n");
    start({.env = all_keys(), .config = "[session]\nuser = \"" + name + "\"\n", .passwd = dir_ / "passwd"});
    const Outcome outcome = run_command(exec({"claude", "--provider", "zai"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(FakeAgents::parse(outcome.out).ids, "4711:4711:4711");
    EXPECT_EQ(FakeAgents::parse(outcome.out).env.at("USER"), name);
}

TEST_F(ExecAsAnother, ExecBecomesThatUser) {
    const Outcome outcome = run_command(exec({"claude", "--provider", "zai"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(FakeAgents::parse(outcome.out).ids, "4711:4711:4711");
    EXPECT_EQ(FakeAgents::parse(outcome.out).env.at("HOME"), agent_home_.string());
}

TEST_F(ExecAsAnother, StartsInNoDirectoryThatThatUserMayNotEnter) {
    const fs::path closed = dir_ / "closed";
    fs::create_directory(closed);
    fs::permissions(closed, fs::perms{0700});
    const Outcome outcome = run_command(exec({"claude", "--provider", "zai", "--cwd", closed}));
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("cannot start in " + closed.string() + ": Permission denied"));
}

/// What the session is: the agent shows it instead of doing anything.
class SessionOfAnother : public ExecAsAnother {
  protected:
    void agent_does(std::string_view script) const {
        write_file(agents_.bin() / "claude", "#!/bin/sh\n" + std::string(script) + "\n");
    }
    std::string privileges(const Program& program) const {
        agent_does("grep -E '^(NoNewPrivs|Cap.*):' /proc/self/status");
        const Outcome outcome = run_command(program);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        return outcome.out;
    }
    /// capsulectl as a launcher's shell starts it, with descriptors that this shell has open.
    Program from_shell(const std::string& redirections, std::vector<std::string> options = {}) const {
        Program program = exec({"claude", "--provider", "zai"});
        program.argv.insert(program.argv.end(), options.begin(), options.end());
        program.argv.insert(program.argv.begin(), {"/bin/sh", "-c", "exec \"$@\" " + redirections, "sh"});
        return program;
    }
};

TEST_F(SessionOfAnother, CanGainNoPrivileges) {
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude","provider":"zai"})"), "/privileges"), "drop");
    const std::string none = "0000000000000000\n";
    EXPECT_EQ(privileges(exec({"claude", "--provider", "zai"})), "CapInh:\t" + none + "CapPrm:\t" + none + "CapEff:\t" +
                                                                     none + "CapBnd:\t" + none + "CapAmb:\t" + none +
                                                                     "NoNewPrivs:\t1\n");
}

TEST_F(SessionOfAnother, MayGainThemWhereTheAdministratorSaysSo) {
    stop();
    start({.config = "[session]\nuser = \"agent\"\nprivileges = \"keep\"\n", .passwd = dir_ / "passwd"});
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude","provider":"zai"})"), "/privileges"), "keep");
    EXPECT_THAT(privileges(exec({"claude", "--provider", "zai"})),
                AllOf(HasSubstr("CapEff:\t0000000000000000\n"), Not(HasSubstr("CapBnd:\t0000000000000000\n")),
                      HasSubstr("NoNewPrivs:\t0\n")));
}

TEST_F(SessionOfAnother, HasNoDescriptorOfTheLaunchers) {
    write_file(dir_ / "secret", "FAKE-of-the-launcher\n");
    agent_does("for each in /proc/$$/fd/*; do echo ${each##*/}; done; cat <&9 2>&1");
    const Outcome outcome = run_command(from_shell("9<" + (dir_ / "secret").string()));
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("0\n1\n"), Not(HasSubstr("\n9\n")), Not(HasSubstr(keys::mark))));
}

TEST_F(SessionOfAnother, HasThoseThatAreAskedFor) {
    write_file(dir_ / "for-the-agent", "for the agent\n");
    agent_does("cat <&5");
    const std::string file = (dir_ / "for-the-agent").string();
    EXPECT_EQ(run_command(from_shell("5<" + file + " 6<" + file, {"--keep-fd", "5", "--keep-fd", "6"})).out,
              "for the agent\n");
    const Outcome closed = run_command(from_shell("5<" + file, {"--keep-fd", "7"}));
    EXPECT_EQ(closed.exit_code, 2);
    EXPECT_THAT(closed.err, HasSubstr("--keep-fd 7: it is not open"));
}

// Root may be in groups that the session's user is not in; what those may read is not for that user either.
TEST_F(ExecAsAnother, TheDaemonsOwnGroupsOpenNothing) {
    constexpr gid_t games = 60;  // a group that every Debian has
    stop();
    ASSERT_EQ(setgroups(1, &games), 0);
    start_for_agent();
    ASSERT_EQ(setgroups(0, nullptr), 0);
    write_file(dir_ / "of-the-group", "theme = \"x\"\n");
    fs::permissions(dir_ / "of-the-group", fs::perms{0640});
    ASSERT_EQ(chown((dir_ / "of-the-group").c_str(), 0, games), 0);
    fs::create_directory(agent_home_ / ".codex");
    fs::create_symlink(dir_ / "of-the-group", agent_home_ / ".codex/config.toml");
    EXPECT_THAT(expect_error("config.write", R"({"agent":"codex"})", -32008, "io.error"),
                HasSubstr("cannot read " + (dir_ / "of-the-group").string() + ": Permission denied"));
}

// A program of the user's home is the user's: it would do with root's identity whatever it wants.
TEST_F(ExecAsAnother, ProgramsOfTheDaemonRunAsThatUser) {
    constexpr gid_t games = 60;
    stop();
    ASSERT_EQ(setgroups(1, &games), 0);
    start_for_agent();
    ASSERT_EQ(setgroups(0, nullptr), 0);
    const fs::path seen = agents_.bin() / "codex.runs";  // everybody may write there
    write_file(agents_.bin() / "codex", "#!/bin/sh\ngrep -E '^(Uid|Gid|Groups):' /proc/self/status >>" + seen.string() +
                                            "\necho codex-cli 0.169.0\n");
    call("spawn", R"({"agent":"codex","provider":"minimax"})");
    const std::string ids = read_file(seen);
    EXPECT_THAT(ids, AllOf(HasSubstr("Uid:\t4711\t4711\t4711\t4711\n"), HasSubstr("Gid:\t4711\t4711\t4711\t4711\n"),
                           Not(HasSubstr("Groups:\t60"))));
}

// It may not run what lies in a directory that is closed to it, and so the daemon does not say what lies there.
TEST_F(ExecAsAnother, WhatThatUserCannotRunIsNotThere) {
    fs::create_directory(dir_ / "roots");
    fs::rename(agents_.bin() / "claude", dir_ / "roots/claude");
    fs::permissions(dir_ / "roots", fs::perms{0700});
    stop();
    start({.env = with(all_keys(), {{"PATH", (dir_ / "roots").string() + ":" + path_variable()}}),
           .config = "[session]\nuser = \"agent\"\n",
           .passwd = dir_ / "passwd"});
    EXPECT_TRUE(at(call("status"), "/agents/0/binary").is_null());
    EXPECT_THAT(json::serialize(at(call("spawn", R"({"agent":"claude","provider":"zai"})"), "/warnings")),
                HasSubstr("agent.missing"));
}

TEST_F(ExecAsAnother, APlantedLinkGivesNobodyAnything) {
    const fs::path precious = dir_ / "roots-own";
    fs::create_directories(precious);
    write_file(precious / "config.toml", "# root's\n");
    fs::permissions(precious, fs::perms{0700});
    fs::create_symlink(precious, agent_home_ / ".codex");
    const std::string before = snapshot(precious);
    // Its pins hold without the files: it starts, and says what it lacks.
    const json::value answer = call("spawn", R"({"agent":"codex","provider":"minimax"})");
    EXPECT_THAT(json::serialize(answer.at("warnings")), HasSubstr(".codex"));
    EXPECT_EQ(snapshot(precious), before);
}

TEST_F(ExecAsAnother, AnyoneElseIsRefusedByExec) {
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    Program program = exec({"claude", "--provider", "zai"});
    program.argv[0] = reachable_copy(CAPSULECTL_BINARY, dir_ / "programs");
    program.identity = nobody;
    const Outcome outcome = run_command(program);
    EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
    EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr(keys::mark)));
}

}  // namespace
}  // namespace capsule::test
