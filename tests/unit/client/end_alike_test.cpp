// How capsulectl ends as the session has ended that it relayed.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "client/terminal/own_terminal.hpp"

namespace capsule {
namespace {

// Where the kernel gives dumps to a program, no limit of their size holds. Files in /proc are root's of a process that
// is not to be dumped, whoever's it is.
TEST(EndAlike, LeavesNoDump) {
    constexpr uid_t somebody = 4711;
    if (geteuid() != 0) GTEST_SKIP() << "needs root to be another user";
    const pid_t child = fork();
    if (child == 0) {
        if (setuid(somebody) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) _exit(1);
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        _exit(end_alike(SIGSEGV));  // as waitpid gives it
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV) << status;
    struct stat found {};
    EXPECT_EQ(stat(("/proc/" + std::to_string(child) + "/maps").c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 0U);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

}  // namespace
}  // namespace capsule
