// What an agent's program does to `capsulectl verify`, which runs it several times and reads what it writes.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "tests/support/capsule_test.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/support/tracer_script.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class HostileAgent : public CapsuleTest {
  protected:
    /// Claude Code's stand-in becomes a script.
    void set_claude(const std::string& script) const {
        const fs::path program = agents_.bin() / "claude";
        fs::remove(program);
        write_file(program,
                   "#!/bin/sh\ncase \"$*\" in --version) echo '2.1.197 (Claude Code)'; exit;; esac\n" + script);
        fs::permissions(program, fs::perms{0755});
    }

    /// It throws where verify does not end in time.
    Outcome verify() const {
        fs::create_directories(temporary());
        fs::permissions(temporary(), fs::perms{01777});
        return verify_in(temporary());
    }
    Outcome verify_in(const fs::path& place) const {
        Program program = ctl_program({"verify", "claude", "--provider", "zai"});
        program.env["TMPDIR"] = place.string();  // what it leaves ends with the test
        return run_command(program, {}, seconds(80));
    }
    fs::path temporary() const { return dir_ / "temporary"; }

    /// Sessions are another user's, whose home this is.
    void start_for(uid_t user, const fs::path& home) {
        const std::string id = std::to_string(user);
        write_file(dir_ / "passwd",
                   read_file("/etc/passwd") + "agent:x:" + id + ":" + id + "::" + home.string() + ":/bin/sh\n");
        fs::permissions(dir_ / "passwd", fs::perms{0644});
        fs::permissions(dir_.path(), fs::perms{0755});
        start({.config = "[session]\nuser = \"agent\"\n", .passwd = dir_ / "passwd"});
    }
};

TEST_F(HostileAgent, FifosInThePlaceOfVerifysFilesHoldNothingUp) {
    set_claude("echo ran >>\"" + (dir_ / "ran").string() +
               "\"\n"
               "cd .. && for name in out err $(/usr/bin/find . -type f); do\n"
               "  /bin/rm -f \"$name\" && /usr/bin/mkfifo \"$name\"\n"
               "done\n");
    start();
    const Outcome outcome = verify();
    EXPECT_NE(outcome.exit_code, 0) << "it asked nobody";
    EXPECT_TRUE(fs::exists(dir_ / "ran")) << outcome.out << outcome.err;
}

TEST_F(HostileAgent, OneThatWritesTooMuchIsEnded) {
    set_claude("/usr/bin/yes | /usr/bin/head -c 100000000; exec /bin/sleep 60\n");
    start();
    const Outcome outcome = verify();
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_LT(outcome.out.size() + outcome.err.size(), 1024U * 1024);
}

TEST_F(HostileAgent, MoreFilesThanAnAgentMakesAreLeft) {
    set_claude(
        "[ -e ../many ] || { /bin/mkdir ../many && cd ../many && /usr/bin/seq 100100 | /usr/bin/xargs touch; }\n");
    start();
    const Outcome outcome = verify();
    EXPECT_THAT(outcome.err, HasSubstr("is left: the agent has made more than 100000 files there"));
    const bool is_left = std::ranges::any_of(fs::directory_iterator(temporary()), [](const fs::directory_entry& each) {
        return each.path().filename().string().starts_with("capsule-verify-");
    });
    EXPECT_TRUE(is_left) << "it has followed to the end";
}

TEST_F(HostileAgent, AProcessThatTracesItAndKeepsItsEndIsNotWaitedFor) {
    set_claude("cd " + dir_.path().string() + "\n/bin/rm -f traced\n" + traced_from_here + "exit 0\n");
    start();
    const Outcome outcome = verify();
    EXPECT_TRUE(fs::exists(dir_ / "traced")) << outcome.err;
    EXPECT_FALSE(fs::exists(dir_ / "let-go"));
    write_file(dir_ / "let-go", "");
    EXPECT_NE(outcome.exit_code, 0);
}

// Also where root starts it, and it becomes another user.
TEST_F(HostileAgent, ItsTemporaryHomeIsWhereTmpdirSays) {
    if (!am_root()) GTEST_SKIP() << "needs root to serve another user";
    set_claude("cd .. && pwd >>\"" + (temporary() / "seen").string() + "\"\n");
    fs::create_directory(dir_ / "theirs");
    start_for(4711, dir_ / "theirs");
    verify();
    EXPECT_THAT(read_file(temporary() / "seen"), HasSubstr(temporary().string() + "/capsule-verify-"));
    const Outcome refused = verify_in(dir_ / "theirs");
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("cannot make a directory in " + (dir_ / "theirs").string()));
    EXPECT_THAT(refused.err, Not(HasSubstr("ended before it was done"))) << "one error is enough";
}

// Else somebody whom a rule of sudo's lets run it as root could run anything as root.
TEST_F(HostileAgent, APlanIsTakenFromNobodyElse) {
    set_claude("echo ran >\"" + (dir_ / "ran").string() + "\"\n");
    start();
    const std::string plan = ctl({"--json", "explain", "claude", "--provider", "zai"}).out;
    write_file(dir_ / "plans", "[{\"version\": \"\", \"plan\": " + plan + "}]");
    const UniqueFd plans(open((dir_ / "plans").c_str(), O_RDONLY | O_CLOEXEC));
    const UniqueFd said(open((dir_ / "said").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const pid_t verify = start_program(ctl_program({"verify", "--plans", "0"}), {plans.get(), said.get(), said.get()});
    EXPECT_EQ(wait_for_exit(verify, seconds(90)), 2);
    EXPECT_THAT(read_file(dir_ / "said"), HasSubstr("--plans is for capsulectl itself"));
    EXPECT_FALSE(fs::exists(dir_ / "ran"));
}

// An agent's first line may be `#!/usr/bin/env node`.
TEST_F(HostileAgent, OfRootsItLooksForNoProgramWhereAnotherUserCouldPutIt) {
    if (!am_root()) GTEST_SKIP() << "needs root to serve root";
    const fs::path theirs = dir_ / "theirs";
    fs::create_directory(theirs);
    write_file(theirs / "interpreter", "#!/bin/sh\necho ran >\"" + (dir_ / "ran").string() + "\"\n");
    fs::permissions(theirs / "interpreter", fs::perms{0755});
    ASSERT_EQ(::chown(theirs.c_str(), 4711, 4711), 0);
    set_claude("interpreter\necho started >\"" + (dir_ / "started").string() + "\"\n");
    start();
    Program program = ctl_program({"verify", "claude", "--provider", "zai"});
    program.env["TMPDIR"] = dir_.path().string();
    program.env["PATH"] = theirs.string() + ":" + path_variable();
    const Outcome outcome = run_command(program, {}, seconds(80));
    EXPECT_TRUE(fs::exists(dir_ / "started")) << outcome.out << outcome.err;
    EXPECT_FALSE(fs::exists(dir_ / "ran"));
    EXPECT_THAT(outcome.err, HasSubstr(theirs.string() + " is left out of the PATH of root's session"));
}

TEST_F(HostileAgent, WhatItLeavesRunningIsNotWaitedFor) {
    set_claude("/usr/bin/setsid /bin/sleep 60 &\n");
    start();
    const auto began = std::chrono::steady_clock::now();
    verify();
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(50));
}

// CODEX_HOME may be elsewhere than in the home. capsuled leaves a profile of the user's own alone, and verify has a
// copy.
TEST_F(HostileAgent, NoFileOfTheUsersIsWrittenToWhereverItIs) {
    const fs::path elsewhere = dir_ / "elsewhere";
    const std::string own = "model_reasoning_effort = \"high\"\n", settings = "model = \"mine\"\n";
    fs::create_directories(elsewhere);
    write_file(elsewhere / "zai.config.toml", own);
    write_file(elsewhere / "config.toml", settings);
    const fs::path seen = dir_ / "seen";
    agents_.remove("codex");
    write_file(
        agents_.bin() / "codex",
        "#!/bin/sh\n[ \"$1\" = --version ] && echo codex-cli 0.150.0 && exit\n/bin/cat \"$CODEX_HOME/config.toml\" >" +
            seen.string() + "\n");
    fs::permissions(agents_.bin() / "codex", fs::perms{0755});
    start({.config = "[session]\ncodex_home = \"" + elsewhere.string() + "\"\n"});
    Program program = ctl_program({"verify", "codex", "--provider", "zai"});
    program.env["TMPDIR"] = dir_.path().string();
    run_command(program, {}, seconds(80));
    EXPECT_EQ(read_file(elsewhere / "zai.config.toml"), own);
    EXPECT_EQ(read_file(elsewhere / "config.toml"), settings);
    EXPECT_EQ(std::distance(fs::directory_iterator(elsewhere), {}), 2);
    EXPECT_THAT(read_file(seen), HasSubstr(settings)) << "it was copied from there";
}

// The daemon is not asked about it: nothing of a session's is there.
TEST_F(HostileAgent, AFileSystemOfItsUsersThatDoesNotAnswerKeepsRootFor20Seconds) {
    if (!has_mounts_of_its_own()) GTEST_SKIP() << "needs /dev/fuse and mounts of its own";
    constexpr uid_t agent = 4713;  // nobody's in other tests
    const fs::path agents = dir_ / "theirs/.claude/agents";
    fs::create_directories(agents);
    start_for(agent, dir_ / "theirs");
    const SilentMount mounted(agents, agent);
    const Outcome outcome = verify();
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("the process that verifies as agent is not heard of any more\n  hint: "));
    for (const fs::directory_entry& each : fs::directory_iterator("/tmp")) {  // who was killed has left it
        struct stat status {};
        if (lstat(each.path().c_str(), &status) == 0 && status.st_uid == agent) fs::remove_all(each.path());
    }
}

}  // namespace
}  // namespace capsule::test
