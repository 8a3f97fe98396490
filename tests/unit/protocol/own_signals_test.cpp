#include "protocol/own_signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace capsule {
namespace {

pid_t one_that_ends_at_once() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    return child;
}

// Until it is reaped its numbers are its own, and no longer.
TEST(OwnSignals, AChildIsSignalledUntilItIsReaped) {
    const pid_t child = one_that_ends_at_once();
    EXPECT_TRUE(signal_child(child, 0));
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_FALSE(signal_child(child, 0));
    EXPECT_FALSE(signal_child(::getppid(), 0)) << "no child of this one";
    EXPECT_FALSE(signal_child(::getpgrp(), 0, true));
}

TEST(OwnSignals, OneThatTheKernelHasReapedIsNot) {
    const pid_t group = ::fork();
    if (group == 0) {
        ::signal(SIGCHLD, SIG_IGN);
        const pid_t child = ::fork();
        if (child == 0) {
            ::setpgid(0, 0);
            if (::fork() == 0) ::pause();  // the group goes on, and could be anybody's
            ::_exit(0);
        }
        ::setpgid(child, child);
        while (::kill(child, 0) == 0)
            ::usleep(1000);
        const bool signalled = signal_child(child, SIGKILL, true);
        const bool left = ::kill(-child, SIGKILL) == 0;
        ::_exit(!signalled && left ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(group, &status, 0), group);
    EXPECT_EQ(status, 0);
}

TEST(OwnSignals, AreTakenAndGivenBack) {
    const pid_t child = ::fork();
    if (child == 0) {
        sigset_t all, now;
        ::sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, nullptr);
        ::signal(SIGCHLD, SIG_IGN);
        struct sigaction action {};
        take_own_signals();
        ::sigprocmask(SIG_SETMASK, nullptr, &now);
        ::sigaction(SIGCHLD, nullptr, &action);
        const bool taken = action.sa_handler == SIG_DFL && ::sigismember(&now, SIGTERM) == 0;
        give_signals_back();
        ::sigprocmask(SIG_SETMASK, nullptr, &now);
        ::sigaction(SIGCHLD, nullptr, &action);
        ::_exit(taken && action.sa_handler == SIG_IGN && ::sigismember(&now, SIGTERM) == 1 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace capsule
