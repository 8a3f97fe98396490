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

constexpr int most_at_once = 1000;  ///< of what has ended: there may always be more

/// Reaps what else has ended.
bool has_ended(pid_t program) {
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
    pid_t reaped = 1;
    for (int i = 0; reaped > 0 && i < most_at_once; ++i)
        reaped = ::waitpid(-1, nullptr, WNOHANG);
    return reaped < 0 && errno == ECHILD;
}

/// Kills those of so many numbers from `first` on that are this process's children. No other process can get such a
/// number before its child is reaped. False: none was.
bool kill_children(pid_t first, pid_t count, pid_t group, std::set<pid_t>& ended) {
    bool killed = false;
    for (pid_t pid = first; pid < first + count; ++pid) {
        siginfo_t ignored{};
        if (::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED | WNOHANG | WNOWAIT) != 0) continue;
        const bool is_of_the_group = ::getpgid(pid) == group;  // which was killed before, and may still be ending
        if (::kill(pid, SIGKILL) != 0) continue;
        killed = true;
        if (!is_of_the_group) ended.insert(pid);
    }
    return killed;
}

/// Looks nothing up, so nobody can keep it waiting: it tries all numbers that a process may have, from the program's
/// on. What is killed leaves this process its own children, a moment later.
/// @return whether nothing is left.
bool end_without_a_look(pid_t program, std::set<pid_t>& ended) {
    constexpr pid_t first_number = 2, above_all = 1 << 22, at_once = 1 << 14;
    constexpr long moment_ns = 1'000'000, most_ns = 1'000'000'000;
    timespec began{}, now{};
    ::clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t next = std::max(program, first_number);
    for (pid_t tried = 0; tried < above_all;) {
        if (is_alone()) return true;
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - began.tv_sec) * most_ns + (now.tv_nsec - began.tv_nsec) > most_ns) return false;
        const pid_t count = std::min(at_once, above_all - next);
        if (kill_children(next, count, program, ended)) {
            const timespec moment{0, moment_ns};
            ::nanosleep(&moment, nullptr);
            continue;
        }
        tried += count;
        next = next + count < above_all ? next + count : first_number;
    }
    return is_alone();
}

/// They are stopped first, so that none forks while the others are killed. The children of what is killed are this
/// process's then, a moment later. What is left at the end is dead, and for as long as somebody traces it not this
/// one's to reap.
void end_by_a_look(std::set<pid_t>& ended) {
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
}

/// @return how many it has killed.
int end_children(pid_t program) {
    std::set<pid_t> ended;
    if (is_alone() || end_without_a_look(program, ended)) return static_cast<int>(ended.size());
    // A look at /proc finds those, too, that come faster than they are killed. Whoever keeps it waiting there gets rid
    // of this process at last: the signal ends the wait.
    constexpr unsigned int most_seconds = 600;
    ::alarm(most_seconds);
    end_by_a_look(ended);
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
    if (const int left = end_children(program); left > 0) tell(RunReport::What::killed, left);
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
