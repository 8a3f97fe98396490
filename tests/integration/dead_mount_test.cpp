// File systems whose server has ended or is silent: what does not need them goes on.
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/support/silent_mount.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

/// The kernel, without /proc: from Linux 6.9 on.
bool tells_which_process_connected() {
    const UniqueFd own(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    struct statfs system {};
    return ::fstatfs(own.get(), &system) == 0 && system.f_type == 0x50494446;  // PID_FS_MAGIC of linux/magic.h
}

class DeadMount : public CapsuleTest {
  protected:
    void SetUp() override {
        if (!has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    }

    void TearDown() override {
        mounted_.clear();
        CapsuleTest::TearDown();
    }

    /// All of it is "Transport endpoint is not connected".
    void mount_dead(const fs::path& path) {
        fs::create_directories(path);
        mounted_.emplace_back(path).end_server();
    }

    json::value spawn(const std::string& agent, const std::string& provider) const {
        return call("spawn", R"({"agent":")" + agent + R"(","provider":")" + provider + "\"}");
    }

  private:
    std::deque<SilentMount> mounted_;
};

TEST_F(DeadMount, InThePathHidesNoAgentElsewhere) {
    const fs::path dead = dir_ / "dead";
    mount_dead(dead);
    agents_.remove("opencode");
    start({.config = "[env]\nPATH = \"" + (dead / "bin").string() + ":" + path_variable() + "\"\n"});
    const json::value status = call("status");
    EXPECT_EQ(text_at(status, "/agents/0/binary"), (agents_.bin() / "claude").string());
    EXPECT_EQ(text_at(status, "/agents/1/binary"), (agents_.bin() / "codex").string());
    EXPECT_TRUE(at(status, "/agents/2/binary").is_null());
    const std::string warnings = json::serialize(at(status, "/warnings"));
    const std::string said =
        "agents may be installed in " + (dead / "bin").string() +
        ", which cannot be looked at (Transport endpoint is not connected): mount it again, or take " +
        (dead / "bin").string() + " out of the PATH";
    EXPECT_THAT(warnings, HasSubstr(said));
    EXPECT_THAT(ctl({"status"}).out, AllOf(HasSubstr("not found"), Not(HasSubstr("ot installed"))));
    EXPECT_THAT(codes(at(spawn("claude", "zai"), "/warnings")),
                AllOf(Not(Contains("path.unreachable")), Not(Contains("agent.missing"))));
    const json::value missing = spawn("opencode", "zai");
    EXPECT_THAT(codes(at(missing, "/warnings")), AllOf(Contains("path.unreachable"), Contains("agent.missing")));
    EXPECT_THAT(json::serialize(missing), AllOf(HasSubstr(said), HasSubstr("OpenCode was not found: ")));
}

// As another capsuled asks, whose grants wait behind it.
TEST_F(DeadMount, IsNotLookedAtWhereNobodyAsksForTheHome) {
    const fs::path silent = dir_ / "silent";
    fs::create_directories(silent);
    const SilentMount busy(silent);
    start({.config = "[env]\nPATH = \"" + silent.string() + ":" + path_variable() + "\"\n"});
    EXPECT_THAT(codes(at(call("status", R"({"home":false})"), "/warnings")), Not(Contains("home.busy")));
    EXPECT_THAT(codes(at(call("status"), "/warnings")), Contains("home.busy"));
}

TEST_F(DeadMount, AsCodexsHomeStopsNoSessionThatDoesNotNeedIt) {
    mount_dead(home() / ".codex");
    start();
    const json::value session = spawn("codex", "zai");
    EXPECT_THAT(codes(at(session, "/warnings")), Contains("file.not_written"));
    EXPECT_THAT(json::serialize(session), HasSubstr("what is mounted there does not answer"));
    const std::string native = expect_error("spawn", R"({"agent":"codex","provider":"openai"})", -32008, "io.error");
    EXPECT_THAT(native, AllOf(HasSubstr(".codex/auth.json"), HasSubstr("mount it again"))) << "whose account it is";
}

// Its server says whose the files are, and may let those wait who ask.
TEST_F(DeadMount, OfAnotherUserHasNoFileOfRoots) {
    const fs::path theirs = dir_ / "theirs";
    const std::string refused = theirs.string() + " is on a file system that user 4711 serves";
    fs::create_directories(theirs);
    start({.env = with(all_keys(), {{"ZAI_API_KEY", ""}, {"ZAI_API_KEY_FILE", (theirs / "key").string()}})});
    EXPECT_THAT(json::serialize(call("status")), Not(HasSubstr(refused)));
    const SilentMount mounted(theirs, 4711);
    EXPECT_THAT(json::serialize(call("status")), AllOf(HasSubstr(refused), HasSubstr("unmount what a user")));
    write_file(config_file(),
               "[keys]\nop = \"" + (theirs / "op").string() + "\"\n[env]\nMINIMAX_API_KEY = \"op://a/b/c\"\n");
    call("reload");
    const json::value error = CapsuleTest::refused("spawn", R"({"agent":"claude","provider":"minimax"})");
    EXPECT_THAT(json::serialize(error), AllOf(HasSubstr("op is not run"), HasSubstr(refused)));
}

TEST_F(DeadMount, OfAnotherUserHoldsNeitherSocketNorLog) {
    const fs::path theirs = dir_ / "theirs";
    fs::create_directories(theirs);
    fs::create_directories(home());
    const SilentMount mounted(theirs, 4711);
    const auto start_with = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), CAPSULED_BINARY);
        return run_command({.argv = std::move(arguments), .env = base_env()}).err;
    };
    const std::string refused = theirs.string() + ": it is on a file system that user 4711 serves";
    EXPECT_THAT(start_with({"--socket", theirs / "capsule.sock"}), HasSubstr("refusing to listen in " + refused));
    EXPECT_THAT(start_with({"--socket", socket(), "--log-file", theirs / "log"}),
                AllOf(HasSubstr("is not opened"), HasSubstr(refused)));
}

// As `sudo -E` may give it.
TEST_F(DeadMount, OfAnotherUserIsNoHomeOfRootsAndHoldsNoStart) {
    const fs::path theirs = dir_ / "theirs";
    fs::create_directories(theirs / "mount");
    ASSERT_EQ(::chown(theirs.c_str(), 4711, 4711), 0);
    const SilentMount mounted(theirs / "mount", 4711);
    const std::string said = run_command({.argv = {CAPSULED_BINARY, "--socket", socket()},
                                          .env = with(base_env(), {{"HOME", theirs / "mount" / "home"}})})
                                 .err;
    EXPECT_THAT(said, HasSubstr("is no place for sessions of root: " + theirs.string() + " belongs to user 4711"));
}

// A connect() that is not to wait walks to the socket all the same.
TEST_F(DeadMount, OfAnotherUserHoldsNobodyOnTheWayToASocket) {
    const fs::path theirs = dir_ / "theirs";
    fs::create_directories(theirs);
    const std::string socket_there = theirs / "run" / "keys.sock";
    start({.config = "[session]\nkeys = \"broker\"\n[broker]\nremote = \"" + socket_there + "\"\n"});
    const std::string refused = theirs.string() + " is on a file system that user 4711 serves";
    const SilentMount mounted(theirs, 4711);
    // It tries to connect once a second.
    const auto bound = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    std::string told;
    while (told.find(refused) == std::string::npos && std::chrono::steady_clock::now() < bound) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        told = json::serialize(at(call("status"), "/broker"));
    }
    EXPECT_THAT(told, HasSubstr(refused)) << daemon().log();
    EXPECT_THAT(expect_error("spawn", R"({"agent":"claude","provider":"zai"})", -32008, "io.error"),
                HasSubstr(refused));
    const Outcome checked =
        run_command({.argv = {CAPSULED_BINARY, "--config", config_file(), "--check-config"}, .env = base_env()});
    EXPECT_THAT(checked.err, AllOf(HasSubstr("[broker] remote: " + refused), HasSubstr("such as one of root's")));
    const Outcome asked =
        run_command({.argv = {CAPSULECTL_BINARY, "--socket", socket_there, "status"}, .env = base_env()});
    EXPECT_EQ(asked.exit_code, 4);
    EXPECT_THAT(asked.err, HasSubstr(refused));
}

// Root may name a project that is that user's.
TEST_F(DeadMount, OfAnotherUserHoldsNoCallerWhoNamesAProjectThere) {
    start();
    const fs::path theirs = dir_ / "theirs";
    fs::create_directories(theirs);
    const SilentMount mounted(theirs, 4711);
    const Outcome explained = ctl({"explain", "claude", "--provider", "zai", "--cwd", theirs / "project"});
    EXPECT_THAT(explained.err, HasSubstr("did not answer in time")) << "by the daemon, which waits 10 s";
}

// Its directory of temporary files may be one that another user keeps busy.
TEST_F(DeadMount, WhatRunsAnAgentsProgramHoldsUpNoSession) {
    const fs::path silent = dir_ / "silent";
    fs::create_directories(silent);
    const SilentMount busy(silent);
    start({.env = with(all_keys(), {{"TMPDIR", silent.string()}})});
    call("status");  // soon after that each agent's version is being looked for
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    const json::value again = call("status");
    EXPECT_THAT(codes(at(again, "/warnings")), Not(Contains("home.busy")));
    EXPECT_EQ(text_at(again, "/agents/0/binary"), (agents_.bin() / "claude").string());
    EXPECT_EQ(text_at(spawn("claude", "zai"), "/provider"), "zai");
}

TEST_F(DeadMount, WhoeverKeepsProcBusyDoesNotHoldUpTheDaemon) {
    start();
    // What a start reads in /proc has been read, and what a look at the programs reads there.
    const auto are_known = [](const json::value& status) {
        return std::ranges::none_of(at(status, "/agents").as_array(),
                                    [](const json::value& each) { return at(each, "/version").is_null(); });
    };
    for (int tries = 0; !are_known(call("status")) && tries < 300; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const SilentMount busy("/proc");
    RawConnection asking = daemon().connect();
    asking.send_line(request("1", "spawn", R"({"agent":"claude","provider":"zai","ends_with":"caller"})"));
    EXPECT_NO_THROW(call("status"));
    EXPECT_NO_THROW(daemon().connect().ask(request("1", "sessions.list")));
    const std::string answer = asking.read_line().value_or("");
    if (tells_which_process_connected()) {
        EXPECT_THAT(answer, AllOf(HasSubstr(R"("ends_with":"caller")"), HasSubstr(R"("id":)")));
    } else {
        EXPECT_THAT(answer, HasSubstr("which process asks could not be found out"));
        EXPECT_THAT(daemon().log(), HasSubstr("home.thread_held_up"));
    }
}

}  // namespace
}  // namespace capsule::test
