#include "daemon/process/keeper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/process/run_as.hpp"
#include "protocol/own_signals.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

std::string text_of(const std::string& path) {
    std::string text;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return text;
    std::array<char, 4096> chunk{};
    for (ssize_t count = 0; (count = ::read(file, chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(count));
    ::close(file);
    return text;
}

/// 0: there is no such process, it may not be seen, or it has ended and is not reaped.
pid_t parent_of(pid_t pid) {
    const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t name_ends = stat.rfind(')');  // "12 (name) S 11 …", and the name may have anything in it
    if (name_ends == std::string::npos || name_ends + 4 >= stat.size()) return 0;
    const char state = stat[name_ends + 2];
    if (state == 'Z' || state == 'X') return 0;
    return static_cast<pid_t>(std::strtol(stat.c_str() + name_ends + 4, nullptr, 10));
}

std::vector<pid_t> children() {
    std::istringstream words(text_of("/proc/thread-self/children"));
    std::vector<pid_t> out;
    for (pid_t pid = 0; words >> pid;)
        out.push_back(pid);
    return out;
}

/// What this process has started, and what that has started.
std::set<pid_t> descendants() {
    std::multimap<pid_t, pid_t> by_parent;
    if (DIR* const all = ::opendir("/proc")) {
        while (const dirent* entry = ::readdir(all))
            if (const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)); pid > 0)
                by_parent.emplace(parent_of(pid), pid);
        ::closedir(all);
    }
    std::set<pid_t> out;
    std::vector<pid_t> left{::getpid()};
    while (!left.empty()) {
        const auto [begin, end] = by_parent.equal_range(left.back());
        left.pop_back();
        for (auto each = begin; each != end; ++each)
            if (out.insert(each->second).second) left.push_back(each->second);
    }
    return out;
}

/// Not to whom has got its number since: what is held is asked for its parent once more.
bool send(pid_t pid, int signal, const std::set<pid_t>& tree) {
    const UniqueFd held(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!held) return false;
    const pid_t parent = parent_of(pid);
    const bool is_ours = parent == ::getpid() || tree.contains(parent);
    return is_ours && ::syscall(SYS_pidfd_send_signal, held.get(), signal, nullptr, 0) == 0;
}

/// Reaps what else has ended: so many at a time, since there may always be more.
bool has_ended(pid_t program) {
    constexpr int most_at_once = 1000;
    for (int i = 0; i < most_at_once; ++i) {
        siginfo_t info{};
        if (::waitid(P_PID, static_cast<id_t>(program), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
        if (info.si_pid == program) return true;
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return false;
        if (info.si_pid != program) ::waitpid(info.si_pid, nullptr, 0);
    }
    return false;
}

/// Whether nothing is left. Reaps what has ended.
bool is_alone() {
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    return reaped < 0 && errno == ECHILD;
}

/// They are stopped first, so that none forks while the others are killed. The children of what is killed are this
/// process's then, a moment later. What is left at the end is dead, and for as long as somebody traces it not this
/// one's to reap.
/// @return how many it has killed.
int end_children() {
    std::set<pid_t> ended;
    if (is_alone()) return 0;
    constexpr int most_looks = 16;  // for those that came meanwhile
    constexpr time_t most_seconds = 5;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const time_t end = now.tv_sec + most_seconds;
    for (long wait_ns = 1'000'000; now.tv_sec < end; wait_ns = std::min(2 * wait_ns, 100'000'000L)) {
        std::set<pid_t> seen;
        bool is_new = true;
        for (int look = 0; is_new && look < most_looks; ++look) {
            is_new = false;
            const std::set<pid_t> tree = descendants();
            for (const pid_t pid : tree)
                if (seen.insert(pid).second) is_new = send(pid, SIGSTOP, tree) || is_new;
        }
        bool is_over = true;
        const auto told = [&](pid_t pid) {
            ended.insert(pid);
            is_over = false;
        };
        for (const pid_t pid : seen)
            if (send(pid, SIGKILL, seen)) told(pid);
        pid_t reaped = 0;
        while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0)
            is_over = false;
        if (reaped < 0 && errno == ECHILD) break;
        // Where others' processes may not be seen (hidepid) these are told all the same, and theirs come after them.
        for (const pid_t pid : children())
            if (::kill(pid, SIGKILL) == 0) told(pid);
        if (is_over) break;  // without CAP_KILL it is nobody's to end
        const timespec moment{0, wait_ns};
        ::nanosleep(&moment, nullptr);
        ::clock_gettime(CLOCK_MONOTONIC, &now);
    }
    return static_cast<int>(ended.size());
}

void tell(RunReport::What what, int value) {
    const RunReport report{what, value};
    [[maybe_unused]] const auto told = ::write(0, &report, sizeof report);
}

[[noreturn]] void keep(pid_t program, const sigset_t& awaited, int report) {
    // The program's own alone from here on: whoever reads its pipes waits for nobody else.
    ::dup2(report, 0);
    ::close_range(1, ~0U, 0);
    bool ended = false;
    while (!ended && ::sigwaitinfo(&awaited, nullptr) != keeper_ends_with)
        ended = has_ended(program);
    // Before it is reaped, for as long as the group's number is its own.
    signal_child(program, SIGKILL, true);
    int status = SIGKILL;
    if (ended) ::waitpid(program, &status, 0);
    constexpr int by_signal = 128;
    const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : by_signal + WTERMSIG(status);
    tell(RunReport::What::ended, exit_code);
    if (const int left = end_children(); left > 0) tell(RunReport::What::killed, left);
    ::_exit(exit_code);
}

}  // namespace

bool keep_what_it_starts(int report) {
    sigset_t awaited, before;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, keeper_ends_with);
    if (::sigprocmask(SIG_BLOCK, &awaited, &before) != 0) return false;
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return false;
    if (::prctl(PR_SET_PDEATHSIG, keeper_ends_with, 0, 0, 0) != 0) return false;
    const pid_t program = ::fork();
    if (program > 0) keep(program, awaited, report);
    return program == 0 && ::setsid() > 0 && ::sigprocmask(SIG_SETMASK, &before, nullptr) == 0;
}

}  // namespace capsule
