// How a thread of the home starts: its caller waits for nothing of that, and it asks nothing that others can hold up.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <thread>

#include "tests/support/system_calls.hpp"
#include "tests/unit/home/worker_fixture.hpp"

namespace capsule {
namespace {

/// From then on this system call ends so, in all threads that start. Gives what seccomp() gives.
long have_end(long call, std::uint32_t how, unsigned int flags) {
    std::array<sock_filter, 4> filter{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, how),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{filter.size(), filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/// Lets each go on that waits by the filter.
void let_go(int listener) {
    for (;;) {
        seccomp_notif asked{};
        if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) continue;
        seccomp_notif_resp answer{};
        answer.id = asked.id;
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

const SessionUser somebody{.name = "somebody", .uid = ::geteuid(), .gid = ::getegid(), .groups = {}};

Result<int> seven() {
    return 7;
}

/// Its threads wait in their first call until somebody lets them go. Gives the process's exit status.
int start_with_threads_that_are_held() {
    constexpr unsigned int seconds = 120;
    ::alarm(seconds);
    const long listener = have_end(SYS_close_range, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (listener < 0) return 2;
    asio::io_context io;
    HomeWorker worker(somebody, true);
    if (run(io, worker.run(seven, soon, 1))) return 3;
    std::thread(let_go, static_cast<int>(listener)).detach();
    return run(io, worker.run(seven, patient, 1)) ? 0 : 4;
}

// The caller is the thread that serves everybody.
TEST(ThreadStart, IsWaitedForByNobodyButItsOwnJobs) {
    EXPECT_EXIT(::_exit(start_with_threads_that_are_held()), ::testing::ExitedWithCode(0), "");
}

/// Gives the process's exit status.
int start_where_nothing_can_be_looked_up() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return 2;
    if (have_end(SYS_openat, SECCOMP_RET_ERRNO | EACCES, 0) != 0) return 3;
    asio::io_context io;
    HomeWorker worker(somebody, true);
    if (!run(io, worker.run(seven, patient, 1))) return 4;
    ::close(ends[1]);
    char byte = 0;
    return ::read(ends[0], &byte, 1) == 0 ? 0 : 5;
}

// Which files are open stands in /proc, where anybody can keep it waiting.
TEST(ThreadStart, LooksNothingUpToHaveFilesOfItsOwn) {
    EXPECT_EXIT(::_exit(start_where_nothing_can_be_looked_up()), ::testing::ExitedWithCode(0), "");
}

/// Gives the process's exit status.
int start_as_one_that_it_cannot_become() {
    constexpr uid_t nobodys = 65533;
    if (::geteuid() == 0 && ::setresuid(nobodys, nobodys, nobodys) != 0) return 2;
    asio::io_context io;
    HomeWorker worker({.name = "other", .uid = nobodys - 1, .gid = nobodys - 1, .groups = {}}, false);
    const auto says_so = [](const auto& result) {
        return !result && result.error().message.find("cannot act as user other") != std::string::npos;
    };
    if (!says_so(worker.wait_until_it_serves())) return 3;
    return says_so(run(io, worker.run(seven, patient, 1))) ? 0 : 4;
}

TEST(ThreadStart, OfOneWithoutTheIdentityRunsNoJob) {
    EXPECT_EXIT(::_exit(start_as_one_that_it_cannot_become()), ::testing::ExitedWithCode(0), "");
}

// Each of them may have ended before the next is started.
TEST(ThreadStart, OfThoseWithoutTheIdentityAreNotMany) {
    constexpr std::size_t never = 1'000'000;
    const auto ended = test::run_with_fault({never, test::Calls::all}, start_as_one_that_it_cannot_become);
    EXPECT_EQ(ended.status, 0);
    const auto starts_a_thread = [](const std::string& call) {
        return call == "system call " + std::to_string(SYS_clone3) ||
               call == "system call " + std::to_string(SYS_clone);
    };
    const auto started = std::ranges::count_if(ended.calls, starts_a_thread);
    EXPECT_GT(started, 0);
    EXPECT_LE(started, 2 * static_cast<std::ptrdiff_t>(home_threads)) << "when it begins, and when it is asked";
}

}  // namespace
}  // namespace capsule
