#include "tests/support/system_calls.hpp"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using Names = std::map<long, std::string_view>;

const Names file_calls{
#ifdef SYS_open  // newer machines have the calls with "at" only
    {SYS_open, "open"},           {SYS_stat, "stat"},           {SYS_lstat, "lstat"},
    {SYS_readlink, "readlink"},   {SYS_mkdir, "mkdir"},         {SYS_rename, "rename"},
    {SYS_unlink, "unlink"},       {SYS_getdents, "getdents"},
#endif
    {SYS_openat, "openat"},       {SYS_openat2, "openat2"},     {SYS_newfstatat, "fstatat"},
    {SYS_fstat, "fstat"},         {SYS_statx, "statx"},         {SYS_readlinkat, "readlinkat"},
    {SYS_mkdirat, "mkdirat"},     {SYS_renameat, "renameat"},   {SYS_renameat2, "renameat2"},
    {SYS_unlinkat, "unlinkat"},   {SYS_linkat, "linkat"},       {SYS_getdents64, "getdents64"},
    {SYS_read, "read"},           {SYS_pread64, "pread"},       {SYS_write, "write"},
    {SYS_pwrite64, "pwrite"},     {SYS_fsync, "fsync"},         {SYS_fdatasync, "fdatasync"},
    {SYS_ftruncate, "ftruncate"}, {SYS_fchmod, "fchmod"},       {SYS_fchown, "fchown"},
    {SYS_fcntl, "fcntl"},         {SYS_flock, "flock"},         {SYS_close, "close"},
    {SYS_lseek, "lseek"},         {SYS_faccessat, "faccessat"}, {SYS_getrandom, "getrandom"},
};
const Names memory_calls{{SYS_mmap, "mmap"}, {SYS_brk, "brk"}, {SYS_mprotect, "mprotect"}, {SYS_mremap, "mremap"}};

/// Threads wake one another by read(2) and write(2), which cannot fail there.
bool is_on_a_file(pid_t thread, const __ptrace_syscall_info& call) {
    if (call.entry.nr != SYS_read && call.entry.nr != SYS_write) return true;
    std::error_code none;
    const fs::path link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(call.entry.args[0]);
    return fs::read_symlink(link, none).string().starts_with('/');
}

bool among(Calls calls, pid_t thread, const __ptrace_syscall_info& call) {
    const long number = static_cast<long>(call.entry.nr);
    if (calls == Calls::files) return file_calls.contains(number) && is_on_a_file(thread, call);
    if (calls == Calls::memory) return memory_calls.contains(number);
    return true;
}

std::string name_of(long number) {
    for (const Names* names : {&file_calls, &memory_calls})
        if (const auto found = names->find(number); found != names->end()) return std::string(found->second);
    return "system call " + std::to_string(number);
}

void must(long result, const char* what) {
    if (result == -1) throw std::runtime_error(std::string(what) + ": errno " + std::to_string(errno));
}

/// In the place of the call that the thread is about to make: one that does not exist, and so does nothing.
void take_out(pid_t thread) {
#if defined(__x86_64__)
    must(ptrace(PTRACE_POKEUSER, thread, offsetof(user_regs_struct, orig_rax), -1L), "take a system call out");
#elif defined(__aarch64__)
    int none = -1;
    iovec place{&none, sizeof none};
    must(ptrace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &place), "take a system call out");
#else
#error "say here how a system call is taken out on this machine"
#endif
}

void set_result(pid_t thread, long result) {
    user_regs_struct registers{};
    iovec place{&registers, sizeof registers};
    must(ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &place), "read the registers");
#if defined(__x86_64__)
    registers.rax = static_cast<unsigned long long>(result);
#elif defined(__aarch64__)
    registers.regs[0] = static_cast<unsigned long long>(result);
#endif
    must(ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &place), "write the registers");
}

/// Stops of a traced process are always reported, too.
bool is_end(const siginfo_t& info) {
    return info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
}

/// The thread's next stop; without `wait` none if there is none yet. -1: it has ended. A process's end is left for who
/// started it; that of another thread is taken note of here, or the process would never end.
std::optional<int> next_stop(pid_t thread, bool is_process, bool wait) {
    siginfo_t info{};
    const auto look = [&](int flags) { return waitid(P_PID, static_cast<id_t>(thread), &info, flags | __WALL) == 0; };
    const int ends = is_process ? WEXITED | WNOWAIT : WEXITED;
    if (!look(WSTOPPED | ends | (wait ? 0 : WNOHANG)) || is_end(info)) return -1;
    if (info.si_pid == 0) return std::nullopt;
    const int stop = info.si_status;
    if (is_process) look(WSTOPPED | WNOHANG);
    return stop;
}

bool has_ended(pid_t process) {
    siginfo_t info{};
    const int failed = waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT);
    return failed != 0 || (info.si_pid != 0 && is_end(info));
}

/// False with ESRCH: a thread that has ended since it was listed. The daemon has some that come and go.
bool attach(pid_t thread, bool is_process) {
    if (ptrace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACESYSGOOD) != 0) return false;
    const bool is_there = ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0;
    if (next_stop(thread, is_process, true) == -1) {
        errno = ESRCH;
        return false;
    }
    return is_there && ptrace(PTRACE_SYSCALL, thread, nullptr, nullptr) == 0;
}

}  // namespace

Tracer::Tracer(pid_t process, const Fault& fault) : process_(process), fault_(fault) {
    for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
        const pid_t thread = std::stoi(task.path().filename());
        if (attach(thread, thread == process))
            threads_[thread] = std::nullopt;
        else if (thread == process || errno != ESRCH)
            must(-1, "trace the process");
    }
}

Tracer::Tracer(pid_t stopped_child, const Fault& fault, Child) : process_(stopped_child), fault_(fault) {
    must(ptrace(PTRACE_SETOPTIONS, process_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), "trace the child");
    threads_[process_] = std::nullopt;
    must(ptrace(PTRACE_SYSCALL, process_, nullptr, nullptr), "let the child go on");
}

Tracer::~Tracer() {
    for (const auto& [thread, result] : threads_)
        if (thread != process_) release(thread);
    if (threads_.contains(process_)) release(process_);
}

void Tracer::release(pid_t thread) {
    if (ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0 && errno == ESRCH && thread == process_) return;
    // It may be at a call at this very moment: that stop comes first.
    if (next_stop(thread, thread == process_, true) == -1) return;
    if (const auto& result = threads_[thread]) set_result(thread, *result);
    ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
}

void Tracer::at_call(pid_t thread) {
    __ptrace_syscall_info info{};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;  // killed meanwhile
    std::optional<long>& result = threads_[thread];
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        if (result) set_result(thread, *result);
        result.reset();
        return;
    }
    const long number = static_cast<long>(info.entry.nr);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !among(fault_.of, thread, info)) return;
    calls_.push_back(name_of(number));
    if (calls_.size() != fault_.at + 1) return;
    met_ = {true, calls_.back()};
    if (!fault_.error) {
        kill(process_, SIGKILL);
        return;
    }
    // Whatever close gives, the descriptor is closed, and its locks and leases are gone.
    if (number != SYS_close) take_out(thread);
    // brk gives no error: it gives the end that the heap has then.
    result = number == SYS_brk ? 0 : -*fault_.error;
}

bool Tracer::serve(pid_t thread, int stop) {
    if (stop == -1) return false;
    const bool is_call = stop == (SIGTRAP | 0x80);
    const bool is_event = (stop >> 8) != 0;
    if (is_call) at_call(thread);
    const long signal = is_call || is_event ? 0 : stop & 0x7f;
    ptrace(PTRACE_SYSCALL, thread, nullptr, signal);  // fails when it was killed, which the next look tells
    return true;
}

void Tracer::run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && !has_ended(process_)) {
        if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("nothing came of it: " + met_.call);
        bool any = false;
        for (const auto& [thread, result] : threads_)
            if (const auto stop = next_stop(thread, thread == process_, false)) any = serve(thread, *stop) || any;
        if (!any) usleep(20);
    }
}

Ended run_with_fault(const Fault& fault, const std::function<int()>& work) {
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        _exit(work());
    }
    Ended ended;
    next_stop(child, true, true);
    {
        Tracer tracer(child, fault, Tracer::Child{});
        while (const auto stop = next_stop(child, true, true))
            if (!tracer.serve(child, *stop)) break;
        ended.met = tracer.met();
        ended.calls = std::move(tracer.calls_);
        tracer.threads_.clear();  // there is nothing left to release
    }
    if (waitpid(child, &ended.status, 0) != child) throw std::runtime_error("waitpid failed");
    return ended;
}

}  // namespace capsule::test
