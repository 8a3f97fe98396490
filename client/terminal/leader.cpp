#include "client/terminal/leader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "client/terminal/apart.hpp"
#include "client/terminal/channel.hpp"
#include "client/terminal/descriptors.hpp"
#include "protocol/own_signals.hpp"

namespace capsule {
namespace {

using Kind = TerminalMessage::Kind;

[[noreturn]] void run_program(const LeaderTask& task) {
    ::setpgid(0, 0);
    ::tcsetpgrp(task.terminal, ::getpid());  // SIGTTOU is blocked, so this process may do it from the background
    for (const int descriptor : task.replaced)
        ::dup2(task.terminal, descriptor);
    ::close(task.terminal);
    ::close(task.master);
    ::close(task.channel);
    ::sigprocmask(SIG_SETMASK, &task.mask, nullptr);
    const int code = task.program();
    std::fflush(nullptr);
    ::_exit(code);
}

/// So long a tracer has the program's end for itself: a debugger takes it at once, and then it is the leader's.
constexpr int tracer_ms = 2000;

class Leader {
  public:
    Leader(int channel, int master, pid_t program)
        : channel_(channel),
          master_(master),
          program_(program),
          end_(static_cast<int>(::syscall(SYS_pidfd_open, program, 0))) {}

    [[noreturn]] void run() {
        sigset_t children;
        ::sigemptyset(&children);
        ::sigaddset(&children, SIGCHLD);
        const int signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
        for (;;) {
            look_at_program();
            std::array<pollfd, 3> polled{pollfd{channel_, POLLIN, 0}, pollfd{signals, POLLIN, 0},
                                         pollfd{end_, POLLIN, 0}};
            const int ready = ::poll(polled.data(), polled.size(), is_kept() ? tracer_ms : -1);
            if (ready == 0) give_up_program();
            if (ready <= 0) continue;
            signalfd_siginfo ignored{};
            [[maybe_unused]] const auto count = ::read(signals, &ignored, sizeof ignored);
            if (polled[2].revents != 0) gone_ = true, end_ = -1;
            if (polled[0].revents == 0) continue;
            const auto message = receive(channel_);
            if (!message) hang_up();
            obey(*message);
        }
    }

  private:
    void look_at_program() {
        if (closer_ > 0 && ::waitpid(closer_, nullptr, WNOHANG) != 0) closer_ = -1;
        int status = 0;
        pid_t told = 0;
        // Any process of the program's user can stop and continue it, as often as it likes. The relay is told of one
        // stop at a time: so it is never behind, and this process never waits for it.
        while (!ended_ && (told = ::waitpid(program_, &status, WNOHANG | (stopped_ ? 0 : WUNTRACED))) == program_) {
            stopped_ = WIFSTOPPED(status);
            ended_ = !stopped_;
            tell(channel_,
                 ended_ ? TerminalMessage{Kind::ended, status} : TerminalMessage{Kind::stopped, WSTOPSIG(status)});
        }
        if (!ended_ && told < 0 && errno == ECHILD) give_up_program();  // somebody else has reaped it
    }

    /// Whether the program has ended, and a process that traces it has not let its end go. Any process of the program's
    /// user can trace it.
    bool is_kept() const { return gone_ && !ended_; }

    void give_up_program() {
        ended_ = true;
        tell(channel_, {Kind::kept, 0});
    }

    void obey(const TerminalMessage& message) {
        if (ended_) return;  // the relay ends, too, and then this process
        if (message.kind == Kind::hang_up) {
            signal_hang_up();
            closer_ = close_apart(std::exchange(master_, -1));
        }
        if (message.kind == Kind::signal_program) signal_child(program_, message.value);
        if (message.kind == Kind::proceed) {
            stopped_ = false;
            signal_child(program_, SIGCONT, true);
        }
    }

    /// The kernel tells the session's leader alone that its terminal is gone: here that is this process.
    void signal_hang_up() const {
        for (const int signal : {SIGHUP, SIGCONT})
            if (!ended_) signal_child(program_, signal, true);
    }

    /// The relay is gone. This process's end takes the terminal from all that is left in the session.
    [[noreturn]] void hang_up() const {
        signal_hang_up();
        ::_exit(0);
    }

    int channel_;
    int master_;
    pid_t program_;
    pid_t closer_ = -1;     ///< closes the terminal, while the program goes on
    int end_;               ///< the program's pidfd, until its end was seen
    bool gone_ = false;     ///< its process has ended, whoever may reap it
    bool stopped_ = false;  ///< the relay has been told, and has not said `proceed` since
    bool ended_ = false;    ///< and the relay has been told
};

}  // namespace

void lead_session(LeaderTask task) {
    ::setsid();
    // Whose terminal it is can open it, and so make it their own session's. So it is this session's first.
    if (::ioctl(task.terminal, TIOCSCTTY, 0) != 0 || ::fchown(task.terminal, task.owner, static_cast<gid_t>(-1)) != 0) {
        tell(task.channel, {Kind::failed, errno});
        ::_exit(1);
    }
    tell(task.channel, {Kind::ready, 0});
    const pid_t program = ::fork();
    if (program == 0) run_program(task);
    if (program < 0) ::_exit(1);
    ::setpgid(program, program);  // in the program, too: whichever comes first
    task.forget();
    replace_with_nothing({0, 1, 2});
    close_all_but({0, 1, 2, task.terminal, task.master, task.channel});
    Leader(task.channel, task.master, program).run();
}

}  // namespace capsule
