#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "daemon/sessions/process_life.hpp"

namespace capsule {
namespace {

struct Child {
    pid_t pid = ::fork();
    Child() {
        if (pid == 0) {
            ::pause();
            ::_exit(0);
        }
    }
    ~Child() { end(); }
    void end() {
        if (pid <= 0) return;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        pid = -1;
    }
};

bool readable(int descriptor, int milliseconds) {
    pollfd one{descriptor, POLLIN, 0};
    return ::poll(&one, 1, milliseconds) == 1;
}

/// By what the kernel has, and as it is done before Linux 6.9.
class ProcessLife : public ::testing::TestWithParam<std::optional<ProcessIdentity> (*)(pid_t)> {};

TEST_P(ProcessLife, IsWatchedToItsEnd) {
    Child child;
    const auto process = GetParam()(child.pid);
    ASSERT_TRUE(process);
    const auto watched = watch_process(*process);
    ASSERT_TRUE(watched);
    EXPECT_FALSE(readable(watched->get(), 0));
    child.end();
    EXPECT_TRUE(readable(watched->get(), 20'000));
    EXPECT_FALSE(GetParam()(process->pid));
    EXPECT_FALSE(watch_process(*process));
}

TEST_P(ProcessLife, AnotherProcessWithThePidIsAnotherOne) {
    const Child child;
    auto process = GetParam()(child.pid);
    ASSERT_TRUE(process);
    --(process->inode != 0 ? process->inode : process->started);
    EXPECT_FALSE(watch_process(*process));
}

TEST_P(ProcessLife, WhoCannotBeSeenIsNobody) {
    for (const pid_t pid : {0, -1})
        EXPECT_FALSE(GetParam()(pid));
}

INSTANTIATE_TEST_SUITE_P(, ProcessLife, ::testing::Values(process_with, process_by_start));

TEST(ProcessStart, IsInTicksSinceTheMachineStarted) {
    const Child child;
    const auto process = process_by_start(child.pid);
    ASSERT_TRUE(process);
    EXPECT_LE(process->started, ticks_since_boot());
    EXPECT_GT(process->started + 6000, ticks_since_boot()) << "it started within the last minute";
}

TEST(PeerProcess, IsTheOneThatConnected) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const UniqueFd first(ends[0]), second(ends[1]);
    EXPECT_EQ(inode_of_peer(first.get()), process_with(::getpid())->inode);
    EXPECT_EQ(inode_of_peer(-1), 0U);
    EXPECT_EQ(inode_of_peer(STDERR_FILENO), 0U) << "no socket";
}

TEST(BootId, AStartOfTheMachineHasAName) {
    EXPECT_EQ(boot_id().size(), 36U);
    EXPECT_EQ(boot_id(), boot_id());
}

}  // namespace
}  // namespace capsule
