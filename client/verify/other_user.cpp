#include "client/verify/other_user.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "client/terminal/descriptors.hpp"
#include "protocol/own_signals.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds to_end{5000};  ///< for whoever was told to
constexpr int look_again_ms = 50;     ///< nothing tells of new lines
constexpr std::size_t most_said =
    std::size_t{4} * 1024 * 1024;  ///< bytes: a report has a few KB, and all are read as JSON

/// While it lives, SIGINT and SIGTERM can only be read.
class SignalsToRead {
  public:
    SignalsToRead() {
        sigset_t signals;
        ::sigemptyset(&signals);
        ::sigaddset(&signals, SIGINT);
        ::sigaddset(&signals, SIGTERM);
        ::sigprocmask(SIG_BLOCK, &signals, &before_);
        descriptor_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~SignalsToRead() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    SignalsToRead(const SignalsToRead&) = delete;
    SignalsToRead& operator=(const SignalsToRead&) = delete;

    int descriptor() const { return descriptor_.get(); }
    const sigset_t& before() const { return before_; }

  private:
    sigset_t before_{};
    UniqueFd descriptor_;
};

[[noreturn]] void run_child(const OtherUsersProcess& task, int said, const sigset_t& mask, pid_t parent) {
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    // Where whoever started root's process ignores it, the kernel's would say nothing to this one either.
    ::signal(SIGTERM, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    ::setsid();
    const bool away = ::chdir("/") == 0;
    replace_with_nothing({STDIN_FILENO});
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO})
        ::dup2(said, descriptor);
    close_all_but({0, 1, 2});
    if (away) task.work();
    ::_exit(1);
}

class Listener {
  public:
    Listener(const OtherUsersProcess& task, pid_t child, UniqueFd said, const SignalsToRead& signals)
        : task_(task),
          child_(child),
          said_(std::move(said)),
          signals_(signals),
          end_(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))),
          until_(Clock::now() + task.first_limit) {}

    ~Listener() {
        signal_child(child_, SIGKILL);
        ::waitpid(child_, nullptr, WNOHANG);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    Heard hear() {
        for (;;) {
            std::array<pollfd, 2> polled{pollfd{signals_.descriptor(), POLLIN, 0}, pollfd{end_.get(), POLLIN, 0}};
            ::poll(polled.data(), polled.size(), look_again_ms);
            signalfd_siginfo info{};
            if (::read(signals_.descriptor(), &info, sizeof info) > 0) {
                if (interrupted_) return Heard::interrupted;
                interrupted_ = true;
                signal_child(child_, SIGTERM);
                until_ = Clock::now() + to_end;
            }
            const bool ended = has_ended();
            while (count_ <= most_said && read_some()) {
            }
            if (count_ > most_said) return Heard::too_much;
            const bool late = Clock::now() >= until_;
            if (ended || late)
                return all_ ? Heard::all : interrupted_ ? Heard::interrupted : ended ? Heard::ended : Heard::too_late;
        }
    }

  private:
    /// Also where another process traces it and keeps its end to itself: waitid says nothing then, and the pidfd does.
    bool has_ended() const {
        siginfo_t info{};
        pollfd polled{end_.get(), POLLIN, 0};
        if (::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
        return info.si_pid == child_ || ::poll(&polled, 1, 0) == 1;
    }

    /// False where there is nothing more now.
    bool read_some() {
        std::array<char, 64 * 1024> chunk;
        const ssize_t count = ::pread(said_.get(), chunk.data(), chunk.size(), static_cast<off_t>(count_));
        if (count <= 0) return false;
        count_ += static_cast<std::size_t>(count);
        std::size_t end = text_.size();
        text_.append(chunk.data(), static_cast<std::size_t>(count));
        std::size_t begin = 0;
        for (; (end = text_.find('\n', end)) != text_.npos; begin = ++end) {
            const auto limit = task_.take(std::string_view(text_).substr(begin, end - begin));
            if (all_ || interrupted_ || !limit) continue;
            all_ = *limit <= limit->zero();
            until_ = Clock::now() + (all_ ? to_end : *limit);
        }
        text_.erase(0, begin);
        return true;
    }

    const OtherUsersProcess& task_;
    pid_t child_;
    UniqueFd said_;
    const SignalsToRead& signals_;
    UniqueFd end_;
    Clock::time_point until_;
    std::string text_;  ///< a line that has not ended
    std::size_t count_ = 0;
    bool all_ = false;
    bool interrupted_ = false;
};

}  // namespace

Heard hear_other_user(const OtherUsersProcess& task) {
    UniqueFd said(::memfd_create("said", MFD_CLOEXEC));
    if (!said) return Heard::not_started;
    const SignalsToRead signals;
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) run_child(task, said.get(), signals.before(), parent);
    if (child < 0) return Heard::not_started;
    return Listener(task, child, std::move(said), signals).hear();
}

}  // namespace capsule
