#include "daemon/process/keeper.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace capsule {
namespace {

/// None: this kernel does not tell.
std::optional<std::vector<pid_t>> children() {
    const int file = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t count = 0; (count = ::read(file, chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(count));
    ::close(file);
    std::vector<pid_t> out;
    std::istringstream words(text);
    for (pid_t pid = 0; words >> pid;)
        out.push_back(pid);
    return out;
}

/// Reaps whatever else has ended.
bool has_ended(pid_t program) {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return false;
        if (info.si_pid == program) return true;
        ::waitpid(info.si_pid, nullptr, 0);
    }
}

/// The children of what is killed are this process's then. What forks meanwhile is met in a later round.
void end_children() {
    for (;;) {
        const auto pids = children();
        if (!pids) return;
        std::size_t killed = 0, reaped = 0;
        for (const pid_t pid : *pids) {
            // A group is killed at once, whatever it forks. Nobody else is in one: the program began with a session.
            const pid_t group = ::getpgid(pid);
            if (group > 0 && group != ::getpgrp()) ::kill(-group, SIGKILL);
            if (::kill(pid, SIGKILL) == 0) ++killed;
        }
        pid_t pid = 0;
        while ((pid = ::waitpid(-1, nullptr, WNOHANG)) > 0)
            ++reaped;
        if (pid < 0 && errno == ECHILD) return;
        if (reaped > 0) continue;
        if (killed == 0 && !pids->empty()) return;  // without CAP_KILL they are nobody's to end
        const timespec moment{0, 1'000'000};
        ::nanosleep(&moment, nullptr);
    }
}

[[noreturn]] void keep(pid_t program, const sigset_t& awaited) {
    // The program's own alone from here on: whoever reads its pipes waits for nobody else.
    ::close_range(0, ~0U, 0);
    bool ended = false;
    while (!ended && ::sigwaitinfo(&awaited, nullptr) != keeper_ends_with)
        ended = has_ended(program);
    // Before it is reaped, for as long as the group's number is its own.
    ::kill(-program, SIGKILL);
    int status = SIGKILL;
    if (ended) ::waitpid(program, &status, 0);
    end_children();
    constexpr int by_signal = 128;
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : by_signal + WTERMSIG(status));
}

}  // namespace

bool keep_what_it_starts() {
    sigset_t awaited, before;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, keeper_ends_with);
    if (::sigprocmask(SIG_BLOCK, &awaited, &before) != 0) return false;
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return false;
    if (::prctl(PR_SET_PDEATHSIG, keeper_ends_with, 0, 0, 0) != 0) return false;
    const pid_t program = ::fork();
    if (program > 0) keep(program, awaited);
    return program == 0 && ::setsid() > 0 && ::sigprocmask(SIG_SETMASK, &before, nullptr) == 0;
}

}  // namespace capsule
