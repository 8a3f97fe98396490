// Preloaded into a daemon whose instructions are counted.
//
// - Its time runs slowly: what is due every few milliseconds (wiping the stack) would count for more on a busy machine.
// - It has pidfd_open, which Debian 12's valgrind does not know: a descriptor that can be read when the process has
// ended. waitid() takes it for that process.
// - It has seccomp, which that valgrind does not know either, and which confines nothing there.
// - What it executes by a descriptor (itself, for a program that it starts) is executed by its name, without valgrind.
#include <dlfcn.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <map>
#include <mutex>
#include <thread>

namespace {

constexpr long slower = 50;
constexpr long second = 1'000'000'000;

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

long nanoseconds(const timespec& time) {
    return time.tv_sec * second + time.tv_nsec;
}

timespec timespec_of(long nanoseconds) {
    return {nanoseconds / second, nanoseconds % second};
}

std::mutex mutex;
std::map<int, pid_t> processes;  ///< by the descriptor that open_pidfd() gave last

long open_pidfd(pid_t pid) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return -1;
    std::thread([pid, end = ends[1]] {
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT);
        ::close(end);
    }).detach();
    const std::lock_guard lock(mutex);
    processes[ends[0]] = pid;
    return ends[0];
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    static const auto real = next<int (*)(clockid_t, timespec*)>("clock_gettime");
    const int result = real(clock, time);
    if (result != 0 || clock != CLOCK_MONOTONIC) return result;
    static const long began = nanoseconds(*time);
    *time = timespec_of(began + (nanoseconds(*time) - began) / slower);
    return 0;
}

extern "C" int timerfd_settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
    static const auto real = next<int (*)(int, int, const itimerspec*, itimerspec*)>("timerfd_settime");
    itimerspec slowed = *wanted;
    if ((flags & TFD_TIMER_ABSTIME) == 0) slowed.it_value = timespec_of(nanoseconds(wanted->it_value) * slower);
    return real(fd, flags, &slowed, before);
}

extern "C" long syscall(long number, ...) noexcept {  // NOLINT: libc's declaration
    std::array<long, 6> arguments{};
    va_list list;
    va_start(list, number);
    for (long& argument : arguments)
        argument = va_arg(list, long);
    va_end(list);
    if (number == SYS_seccomp) return 0;
    if (number == SYS_pidfd_open) return open_pidfd(static_cast<pid_t>(arguments[0]));
    // What the daemon executes by a descriptor is itself, without valgrind.
    std::array<char, PATH_MAX> own{};
    if (number == SYS_execveat && ::readlink("/proc/self/exe", own.data(), own.size() - 1) > 0)
        return ::execve(own.data(), reinterpret_cast<char* const*>(arguments[2]),
                        reinterpret_cast<char* const*>(arguments[3]));
    static const auto real = next<long (*)(long, ...)>("syscall");
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

extern "C" int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) noexcept(false) {
    static const auto real = next<int (*)(idtype_t, id_t, siginfo_t*, int)>("waitid");
    if (kind != P_PIDFD) return real(kind, id, info, options);
    const std::lock_guard lock(mutex);
    const auto found = processes.find(static_cast<int>(id));
    if (found == processes.end()) return real(kind, id, info, options);
    return real(P_PID, static_cast<id_t>(found->second), info, options);
}
