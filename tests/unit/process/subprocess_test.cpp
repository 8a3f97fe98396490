#include "daemon/process/subprocess.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "protocol/unique_fd.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/unit/support/run_io.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

SubprocessRequest shell(const std::string& script) {
    SubprocessRequest request;
    request.argv = {"/bin/sh", "-c", script};
    request.env = {{"PATH", "/usr/bin:/bin"}};
    return request;
}

TEST(Subprocess, GivesOutputAndExitCode) {
    asio::io_context io;
    SubprocessRunner runner;
    const auto result = run(io, runner.run(shell("echo out; echo err >&2; exit 3")));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 3);
    EXPECT_EQ(result->out, "out\n");
    EXPECT_EQ(result->err, "err\n");
}

TEST(Subprocess, HasExactlyTheGivenEnvironment) {
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request;
    request.argv = {"/usr/bin/env"};
    request.env = {{"ONE", "1"}};
    EXPECT_EQ(run(io, runner.run(request))->out, "ONE=1\n");
}

TEST(Subprocess, KnowsNoDescriptorsOfTheDaemon) {
    // Of the daemon's launcher, which no exec closes; above those in whose place the helper's own come.
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const UniqueFd inherited(::fcntl(null.get(), F_DUPFD, 10));
    ASSERT_TRUE(inherited);
    asio::io_context io;
    SubprocessRunner runner;
    const auto result = run(io, runner.run(shell("ls /proc/self/fd | wc -l")));
    // 0, 1, 2 and the directory that ls reads.
    EXPECT_EQ(result->out, "4\n");
}

TEST(Subprocess, IsStartedWithoutALookForItsPartOfProc) {
    asio::io_context io;
    SubprocessRunner runner;
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    const test::SilentMount busy("/proc");
    const auto result = run(io, runner.run(shell("echo started")));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->out, "started\n");
}

// An update without a restart.
TEST(Subprocess, IsStartedThoughTheDaemonsFileIsGone) {
    constexpr const char* variable = "CAPSULE_TEST_OWN_COPY";
    if (const char* const copy = std::getenv(variable)) {
        asio::io_context io;
        SubprocessRunner runner;
        ASSERT_TRUE(std::filesystem::remove(copy));
        const test::SilentMount busy("/proc");
        const auto result = run(io, runner.run(shell("echo started")));
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(result->out, "started\n");
        return;
    }
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    const TempDir directory;
    const std::string copy = directory.path() + "/copy";
    std::filesystem::copy_file("/proc/self/exe", copy);
    const std::string command = std::string(variable) + "=" + copy + " timeout -s KILL 60 " + copy +
                                " --gtest_filter=Subprocess.IsStartedThoughTheDaemonsFileIsGone";
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_FALSE(std::filesystem::exists(copy));
}

TEST(Subprocess, OneThatDoesNotExistFailsWithItsName) {
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request;
    request.argv = {"/no/such/program"};
    const auto result = run(io, runner.run(request));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::io_error);
    EXPECT_EQ(result.error().message, "cannot run /no/such/program: No such file or directory");
}

TEST(Subprocess, OneThatRunsIntoItsLimitIsKilledWithItsChildren) {
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request = shell("sleep 60 & sleep 60");
    request.limit = std::chrono::milliseconds(200);
    const auto began = std::chrono::steady_clock::now();
    const auto result = run(io, runner.run(request));
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("did not finish within"), std::string::npos);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

TEST(Subprocess, ABackgroundChildThatKeepsThePipeOpenIsEnded) {
    asio::io_context io;
    SubprocessRunner runner;
    const auto result = run(io, runner.run(shell("sleep 60 & echo done")));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->out, "done\n");
}

// One that has left the group, as a daemon does, is somebody else's business: nobody waits for it.
TEST(Subprocess, OneThatHasLeftTheGroupAndKeepsThePipeOpenIsNotWaitedFor) {
    asio::io_context io;
    SubprocessRunner runner;
    const auto began = std::chrono::steady_clock::now();
    const auto result = run(io, runner.run(shell("setsid sleep 30 & echo done")));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->out, "done\n");
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST(Subprocess, WhatWasWrittenLastIsReadThoughThePipeStaysOpen) {
    asio::io_context io;
    SubprocessRunner runner;
    const auto result = run(io, runner.run(shell("setsid sleep 30 & head -c 60000 /dev/zero")));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->out.size(), 60000U);
}

TEST(Subprocess, ADirectoryThatIsNotThereIsAnError) {
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request = shell("true");
    request.directory = "/no/such/directory";
    EXPECT_EQ(run(io, runner.run(request)).error().message, "cannot run /bin/sh: No such file or directory");
}

TEST(Subprocess, HasNoMoreOpenFilesThanALogin) {
    asio::io_context io;
    SubprocessRunner runner;
    EXPECT_LE(std::stoi(run(io, runner.run(shell("ulimit -n")))->out), 1024);
}

TEST(Subprocess, LeavesNoZombieBehind) {
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request = shell("sleep 60");
    request.limit = std::chrono::milliseconds(50);
    EXPECT_FALSE(run(io, runner.run(request)));
    EXPECT_TRUE(run(io, runner.run(shell("true"))));
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "there is a child left";
}

TEST(Subprocess, OutputOverTheLimitIsCut) {
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request = shell("head -c 100000 /dev/zero");
    request.output_limit = 1000;
    EXPECT_EQ(run(io, runner.run(request))->out.size(), 1000U);
}

TEST(Subprocess, StopEndsWhatRunsAndRefusesWhatComes) {
    asio::io_context io;
    SubprocessRunner runner;
    asio::steady_timer timer(io, std::chrono::milliseconds(100));
    timer.async_wait([&](auto) { runner.stop(); });
    const auto result = run(io, runner.run(shell("sleep 60")));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::server_stopping);
    EXPECT_EQ(run(io, runner.run(shell("true"))).error().code, ErrorCode::server_stopping);
}

}  // namespace
}  // namespace capsule
