#include "protocol/own_signals.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

struct Found {
    bool taken = false;
    struct sigaction children {};
    sigset_t blocked{};
};

Found& found() {
    static Found before;
    return before;
}

}  // namespace

void take_own_signals() {
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    sigset_t none;
    ::sigemptyset(&none);
    const bool good = ::sigaction(SIGCHLD, &by_default, &found().children) == 0 &&
                      ::sigprocmask(SIG_SETMASK, &none, &found().blocked) == 0;
    found().taken = good;
}

void give_signals_back() {
    if (!found().taken) return;
    ::sigaction(SIGCHLD, &found().children, nullptr);
    ::sigprocmask(SIG_SETMASK, &found().blocked, nullptr);
}

bool signal_child(pid_t child, int signal, bool group) {
    // Before the look: what is held is then this child, or nothing that the look finds.
    const UniqueFd held(group ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
    if (held) return ::syscall(SYS_pidfd_send_signal, held.get(), signal, nullptr, 0) == 0;
    return ::kill(group ? -child : child, signal) == 0;
}

}  // namespace capsule
