// Programs that another user than the daemon's decides about: its memory, its descriptors, what it leaves behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "daemon/process/subprocess.hpp"
#include "tests/support/child.hpp"
#include "tests/support/silent_file.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/unit/support/run_io.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

SubprocessRequest of_another_user(std::vector<std::string> argv) {
    SubprocessRequest request;
    request.argv = std::move(argv);
    request.env = {{"PATH", "/usr/bin:/bin"}};
    request.user = SessionUser{"another", 4711, 4711, {}};
    return request;
}

SubprocessRequest python_of_another_user(const std::string& script) {
    return of_another_user({"/usr/bin/python3", "-c", script});
}

// The kernel holds a pipe's lock while it copies from its writer's memory, and whoever reads the pipe waits for that.
TEST(AnothersProgram, ThatWritesWhatNeverComesHoldsNobodyUp) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    asio::io_context io;
    SubprocessRunner runner;
    const TempDir directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0755});
    const auto until_it_fails = std::chrono::seconds(40);
    const test::SilentFile silent(directory.path() + "/silent", until_it_fails);
    const std::string go_on = directory.path() + "/go-on";
    SubprocessRequest request =
        python_of_another_user("silent, go_on = '" + silent.path().string() + "', '" + go_on + R"('
import mmap, os, time
page = mmap.mmap(os.open(silent, os.O_RDONLY), 4096, prot=mmap.PROT_READ)
while not os.path.exists(go_on): time.sleep(0.01)
os.write(1, b'first')
os.write(1, page))");
    // There is something to be read when it is in the midst of writing.
    asio::steady_timer timer(io, std::chrono::milliseconds(50));
    timer.async_wait([&](auto) {
        std::ofstream(go_on).put('\n');
        const auto until = std::chrono::steady_clock::now() + until_it_fails / 4;
        while (!silent.was_read() && std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    });
    request.limit = std::chrono::seconds(3);
    const auto began = std::chrono::steady_clock::now();
    const auto result = run(io, runner.run(std::move(request)));
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, testing::HasSubstr("did not finish within"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, until_it_fails / 2);
    EXPECT_TRUE(silent.was_read()) << "it is not what this is about";
}

// They would end on the daemon's thread, and the end of this one waits.
TEST(AnothersProgram, ThatSendsDescriptorsHoldsNobodyUp) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to run a program of another user's";
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request = python_of_another_user(R"(
import os, socket, struct
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
listener.bind(('127.0.0.1', 0))
listener.listen(1)
lingering = socket.create_connection(listener.getsockname())
lingering.setblocking(False)
try:
    while True: lingering.send(bytes(65536))
except BlockingIOError: pass
lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3600))
out = socket.socket(fileno=os.dup(1))
out.send(b'first')
try: out.sendmsg([b'second'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', lingering.fileno()))])
except PermissionError: out.send(b', refused')
)");
    const auto began = std::chrono::steady_clock::now();
    const auto result = run(io, runner.run(std::move(request)));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_THAT(result->out, testing::AnyOf("first, refused", "first")) << result->err;
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(60));
}

TEST(AnothersProgram, IsReadToItsEnd) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to run a program of another user's";
    asio::io_context io;
    SubprocessRunner runner;
    SubprocessRequest request =
        of_another_user({"/bin/sh", "-c", "setsid sleep 30 & head -c 1000000 /dev/zero; echo err >&2; exit 3"});
    const auto result = run(io, runner.run(std::move(request)));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->out.size(), 1'000'000U);
    EXPECT_EQ(result->err, "err\n");
    EXPECT_EQ(result->exit_code, 3);
}

/// Its result, though something else may still be under way.
std::optional<Result<SubprocessResult>> result_of(asio::io_context& io, SubprocessRunner& runner,
                                                  SubprocessRequest request) {
    std::optional<Result<SubprocessResult>> result;
    asio::co_spawn(io, runner.run(std::move(request)), [&](std::exception_ptr, Result<SubprocessResult> value) {
        result.emplace(std::move(value));
        io.stop();
    });
    io.restart();
    io.run();
    return result;
}

/// A directory in which another user's program can say that it has left something behind.
class Leaving {
  public:
    Leaving() {
        std::filesystem::permissions(directory_.path(), std::filesystem::perms{0755});
        for (const char* name : {"/started", "/end"}) {
            const std::string fifo = directory_.path() + name;
            EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
            EXPECT_EQ(::chown(fifo.c_str(), 4711, 4711), 0);
        }
        end_ = UniqueFd(::open((directory_.path() + "/end").c_str(), O_RDWR | O_CLOEXEC));
    }
    /// What it leaves ends by itself when this does.
    SubprocessRequest request() const {
        const std::string script =
            "setsid /bin/sh -c 'echo >started; exec cat end' & read line <started; echo leaves; exit 4";
        SubprocessRequest request = of_another_user({"/bin/sh", "-c", script});
        request.directory = directory_.path();
        return request;
    }

  private:
    TempDir directory_;
    UniqueFd end_;
};

// Any user can keep /proc busy, in which it would be found.
TEST(AnothersProgram, WhatItLeavesIsEndedThoughProcIsBusy) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    asio::io_context io;
    const Leaving leaving;
    SubprocessRunner runner;
    const test::SilentMount busy("/proc");
    int left = 0;
    SubprocessRequest request = leaving.request();
    request.on_left = [&](int killed) { left = killed; };
    const auto leaves = result_of(io, runner, std::move(request));
    ASSERT_TRUE(*leaves) << leaves->error().message;
    io.restart();
    io.run_for(std::chrono::seconds(60));
    EXPECT_EQ(left, 1);
}

int open_descriptors() {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd)
        count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

/// Where nothing that is left can be killed, and its keeper does not end as long as /proc is busy.
void leave_what_stays() {
    constexpr uid_t asker = 1000;
    ASSERT_EQ(::prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0), 0);
    asio::io_context io;
    const auto leaving = std::make_unique<Leaving>();
    SubprocessRunner runner;
    auto busy = std::make_unique<test::SilentMount>("/proc");
    const auto alone = result_of(io, runner, of_another_user({"/bin/sh", "-c", "echo alone; exit 3"}));
    ASSERT_TRUE(*alone) << alone->error().message;
    EXPECT_EQ((*alone)->out, "alone\n");
    EXPECT_EQ((*alone)->exit_code, 3);
    const auto leave_for = [&](uid_t whom) {
        SubprocessRequest request = leaving->request();
        request.asked_by = whom;
        return *result_of(io, runner, std::move(request));
    };
    const int before = open_descriptors();
    for (std::size_t i = 0; i < most_left_of_an_asker; ++i) {
        const auto leaves = leave_for(asker);
        ASSERT_TRUE(leaves) << leaves.error().message;
        EXPECT_EQ(leaves->out, "leaves\n");
        EXPECT_EQ(leaves->exit_code, 4);
    }
    EXPECT_LE(open_descriptors() - before, 2 * static_cast<int>(most_left_of_an_asker)) << "its end, and what it tells";
    EXPECT_TRUE(runner.has_left_too_much(asker));
    const auto refused = leave_for(asker);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::server_overloaded);
    EXPECT_TRUE(leave_for(asker + 1)) << "another's are no reason";
    busy.reset();
    io.restart();
    io.run();
    EXPECT_FALSE(runner.has_left_too_much(asker));
    EXPECT_TRUE(leave_for(asker));
}

TEST(AnothersProgram, HasEndedThoughWhatItLeavesHasNotYetAndLeavesNotTooMuch) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    test::in_child(leave_what_stays);
}

}  // namespace
}  // namespace capsule
