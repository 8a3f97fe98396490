#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(ProcessLife, IsWatchedToItsEnd) {
    Child child;
    const auto process = process_with(child.pid);
    ASSERT_TRUE(process);
    EXPECT_LE(process->started, ticks_since_boot());
    EXPECT_GT(process->started + 6000, ticks_since_boot()) << "it started within the last minute";
    const auto watched = watch_process(*process);
    ASSERT_TRUE(watched);
    EXPECT_FALSE(readable(watched->get(), 0));
    const auto both = watch_process_with(child.pid);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->identity.started, process->started);
    EXPECT_FALSE(readable(both->end.get(), 0));
    child.end();
    EXPECT_TRUE(readable(watched->get(), 20'000));
    EXPECT_TRUE(readable(both->end.get(), 20'000));
    EXPECT_FALSE(process_with(process->pid));
    EXPECT_FALSE(watch_process(*process));
}

TEST(ProcessLife, AnotherProcessWithThePidIsAnotherOne) {
    const Child child;
    auto process = process_with(child.pid);
    ASSERT_TRUE(process);
    --process->started;
    EXPECT_FALSE(watch_process(*process));
}

TEST(ProcessLife, WhoCannotBeSeenIsNobody) {
    for (const pid_t pid : {0, -1}) {
        EXPECT_FALSE(process_with(pid));
        EXPECT_FALSE(watch_process_with(pid));
    }
}

TEST(ProcessLife, AStartOfTheMachineHasAName) {
    EXPECT_EQ(boot_id().size(), 36U);
    EXPECT_EQ(boot_id(), boot_id());
}

}  // namespace
}  // namespace capsule
