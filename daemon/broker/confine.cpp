#include "daemon/broker/confine.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "protocol/capabilities.hpp"
#include "protocol/errors.hpp"

namespace capsule::broker {
namespace {

void require(bool done, std::string_view what) {
    if (done) return;
    throw Failure({ErrorCode::internal_error,
                   "cannot confine the broker: " + std::string(what) + ": " + std::generic_category().message(errno),
                   "capsule-broker holds keys and does not start without this protection"});
}

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter knows x86-64 and arm64"
#endif

/// All that the program, OpenSSL and libc's name lookup call once they run.
constexpr std::array allowed {
    __NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_lseek, __NR_close, __NR_fstat, __NR_newfstatat,
        __NR_statx, __NR_fcntl, __NR_readlinkat, __NR_getcwd, __NR_recvfrom, __NR_sendto, __NR_recvmsg, __NR_sendmsg,
        __NR_recvmmsg, __NR_sendmmsg, __NR_accept, __NR_accept4, __NR_connect, __NR_bind, __NR_shutdown,
        __NR_getsockname, __NR_getpeername, __NR_setsockopt, __NR_getsockopt, __NR_ppoll, __NR_epoll_create1,
        __NR_epoll_ctl, __NR_epoll_pwait, __NR_timerfd_settime, __NR_eventfd2, __NR_brk, __NR_munmap, __NR_mremap,
        __NR_madvise, __NR_futex, __NR_sched_yield, __NR_sched_getaffinity, __NR_set_robust_list, __NR_rseq,
        __NR_getrandom, __NR_sysinfo, __NR_uname, __NR_clock_gettime, __NR_clock_nanosleep, __NR_nanosleep,
        __NR_gettimeofday, __NR_getpid, __NR_gettid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid,
        __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_sigaltstack, __NR_restart_syscall, __NR_tgkill,
        __NR_exit, __NR_exit_group,
#if defined(__x86_64__)
        __NR_poll, __NR_epoll_wait, __NR_stat, __NR_access, __NR_readlink, __NR_time,
#endif
};

using Program = std::vector<sock_filter>;

sock_filter load(std::size_t offset) {
    return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
/// An argument's lower half; all that are looked at here are of 32 bits.
sock_filter load_argument(std::size_t index) {
    return load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}
sock_filter give(std::uint32_t verdict) {
    return BPF_STMT(BPF_RET | BPF_K, verdict);
}
sock_filter skip_unless(int kind, std::uint32_t value, std::uint8_t count) {
    return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | kind | BPF_K), value, 0, count);
}

constexpr std::uint32_t yes = SECCOMP_RET_ALLOW;
constexpr std::uint32_t no = SECCOMP_RET_ERRNO | ENOSYS;

/// `call` is allowed where its argument, with `mask`, is one of `values`. What comes after it is still on the number.
void allow_where(Program& out, int call, std::size_t argument, std::uint32_t mask,
                 const std::vector<std::uint32_t>& values) {
    const auto body = static_cast<std::uint8_t>(3 + 2 * values.size());
    out.push_back(skip_unless(BPF_JEQ, static_cast<std::uint32_t>(call), body));
    out.push_back(load_argument(argument));
    out.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    for (const std::uint32_t value : values) {
        out.push_back(skip_unless(BPF_JEQ, value, 1));
        out.push_back(give(yes));
    }
    out.push_back(give(no));
}

/// The sanitizers' own calls are many more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

Program filter() {
    Program out;
    out.push_back(load(offsetof(seccomp_data, arch)));
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0));
    out.push_back(give(SECCOMP_RET_KILL_PROCESS));
    out.push_back(load(offsetof(seccomp_data, nr)));
    for (const int call : allowed) {
        out.push_back(skip_unless(BPF_JEQ, static_cast<std::uint32_t>(call), 1));
        out.push_back(give(yes));
    }
    constexpr std::uint32_t whole = ~0U;
    constexpr std::uint32_t writes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    // Not AF_UNIX: neither the daemon's socket nor an engine's.
    allow_where(out, __NR_socket, 0, whole, {AF_INET, AF_INET6, AF_NETLINK});
    allow_where(out, __NR_openat, 2, writes, {0});
#if defined(__x86_64__)
    allow_where(out, __NR_open, 1, writes, {0});
#endif
    allow_where(out, __NR_mmap, 2, PROT_EXEC, {0});
    allow_where(out, __NR_mprotect, 2, PROT_EXEC, {0});
    // A thread (for name lookups), not a process; clone3 hides its flags, and libc then takes this one.
    allow_where(out, __NR_clone, 0, CLONE_THREAD, {CLONE_THREAD});
    allow_where(out, __NR_ioctl, 1, whole, {FIONBIO, FIONREAD});
    out.push_back(give(no));
    return out;
}

void drop_capabilities() {
    // What is not permitted to be dropped is not there either.
    for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability)
        ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    require(::syscall(__NR_capset, &header, none.data()) == 0, "capset");
}

}  // namespace

void become(std::uint32_t uid, std::uint32_t gid) {
    require(::setgroups(0, nullptr) == 0, "setgroups");
    require(::setresgid(gid, gid, gid) == 0, "setresgid");
    require(::setresuid(uid, uid, uid) == 0, "setresuid");
    require(uid == 0 || give_up_own_capabilities(Given::for_good), "the capabilities of root");
    require(uid == 0 || ::setuid(0) != 0, "becoming root again, which must fail");
}

void confine() {
    drop_capabilities();
    // Once more: the kernel may have changed it with the user.
    require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "PR_SET_DUMPABLE");
    ::signal(SIGPIPE, SIG_IGN);
    Program program = filter();
    const sock_fprog given{static_cast<unsigned short>(program.size()), program.data()};
    require(sanitized || ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &given) == 0,
            "seccomp");
}

}  // namespace capsule::broker
