#include "client/terminal/own_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "client/terminal/channel.hpp"
#include "client/terminal/descriptors.hpp"
#include "client/terminal/leader.hpp"
#include "client/terminal/relay.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

Error failed(const std::string& what) {
    return {ErrorCode::io_error,
            "cannot give the session a terminal of its own: " + what + ": " + std::generic_category().message(errno),
            "is /dev/pts mounted, and is there room for one more (kernel.pty.max; who has /dev/ptmx open)? Without any "
            "terminal (setsid, input and output "
            "redirected) none is needed"};
}

struct NewTerminal {
    int master = -1;
    int slave = -1;
};

Result<NewTerminal> open_terminal(const UserTerminal& user) {
    NewTerminal made;
    const winsize size = user.size();
    const termios settings = user.settings();
    const bool is_known = user.exists();
    if (::openpty(&made.master, &made.slave, nullptr, is_known ? &settings : nullptr, is_known ? &size : nullptr) != 0)
        return failed("openpty");
    for (const int descriptor : {made.master, made.slave})
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    ::fcntl(made.master, F_SETFL, O_RDWR | O_NONBLOCK);
    // Programs open their terminal by its name, too, and so may whoever gets it next. The mode comes first: once the
    // terminal is another user's, that takes CAP_FOWNER, which a container's root often lacks.
    if (::fchmod(made.slave, S_IRUSR | S_IWUSR) != 0) return failed("chmod");
    return made;
}

sigset_t block_all() {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    return before;
}

/// The program's input and output are the program's: a reader of its pipe sees the end when the program closes it.
void let_go(const std::vector<int>& terminals, const std::vector<int>& kept) {
    std::vector<int> passed_on = kept;
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO})
        if (std::find(terminals.begin(), terminals.end(), descriptor) == terminals.end())
            passed_on.push_back(descriptor);
    replace_with_nothing(passed_on);
}

/// With a bound: see leader.hpp.
void wait_for_end(pid_t leader) {
    constexpr int bound_ms = 2000;
    const UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, leader, 0)));
    pollfd polled{end.get(), POLLIN, 0};
    if (end) ::poll(&polled, 1, bound_ms);
    ::waitpid(leader, nullptr, end ? WNOHANG : 0);  // a kernel before 5.3 has no such descriptors
}

/// Whether the leader has the terminal; else errno says why.
bool is_led(int channel) {
    const auto message = receive(channel);
    errno = message ? message->value : ECHILD;
    return message && message->kind == TerminalMessage::Kind::ready;
}

}  // namespace

bool has_terminal(const std::vector<int>& kept) {
    if (!terminals_among(kept).empty()) return true;
    const int controlling = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    // Every other error is one of a terminal that there is: another process has made it its own alone (TIOCEXCL), or no
    // descriptor or memory is left. Who becomes another user could open it later.
    const bool exists = controlling >= 0 || errno != ENXIO;
    if (controlling >= 0) ::close(controlling);
    return exists;
}

Result<int> run_on_own_terminal(OwnTerminalTask task) {
    UserTerminal user;
    const auto terminal = open_terminal(user);
    if (!terminal) return terminal.error();
    std::array<int, 2> channel{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.data()) != 0) return failed("socketpair");
    const auto terminals = terminals_among(task.kept);
    std::fflush(nullptr);
    const sigset_t before = block_all();
    const pid_t leader = ::fork();
    if (leader == 0) {
        ::close(channel[0]);
        lead_session({terminal->slave, terminal->master, task.owner, channel[1], terminals, before,
                      std::move(task.program), task.forget});
    }
    const int fork_error = errno;
    ::close(terminal->slave);
    ::close(channel[1]);
    if (leader < 0) {
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        errno = fork_error;
        return failed("fork");
    }
    task.forget();
    task.program = nullptr;
    if (!is_led(channel[0])) {
        const auto error = failed("setting it up");
        ::waitpid(leader, nullptr, 0);
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        return error;
    }
    let_go(terminals, task.kept);
    const auto status = relay_terminal(user, terminal->master, channel[0]);
    wait_for_end(leader);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (status) return *status;
    return Error{ErrorCode::io_error, "the session has ended, but its exit status is not known: a process traces it",
                 "end the process that /proc/PID/status of the session names as TracerPid"};
}

int end_alike(int status) {
    if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
    const int number = WTERMSIG(status);
    // Of this process, also where the kernel gives it to a program: the session's own was its own affair.
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ::signal(number, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::raise(number);
    ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
    return 128 + number;
}

}  // namespace capsule
