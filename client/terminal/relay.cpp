#include "client/terminal/relay.hpp"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "client/terminal/apart.hpp"
#include "client/terminal/channel.hpp"

namespace capsule {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = TerminalMessage::Kind;
using std::chrono::milliseconds;

constexpr int look_again = 1000;  ///< ms: a job that runs in the background is told of nothing when it is brought back
constexpr int leader_is_gone = 1 << 8;             ///< as waitpid gives exit status 1
constexpr std::size_t most_left_over = 64 * 1024;  ///< bytes: a terminal holds less, and more is what others write
constexpr milliseconds longest_showing{2000};      ///< of what is left over when this process is to end or stop

class Relay {
  public:
    Relay(UserTerminal& user, int master, int channel) : user_(user), master_(master), channel_(channel) {
        const sigset_t signals = relayed_signals();
        signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    ~Relay() {
        hang_up();
        ::close(channel_);  // the leader waits for this, and ends
        ::close(signals_);
        ::explicit_bzero(chunk_.data(), chunk_.size());
        ::explicit_bzero(shown_.data(), shown_.size());
    }
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    std::optional<int> run() {
        user_.make_raw();
        while (!ended_)
            step();
        is_to_end_ = is_to_end_ || (status_ && WIFSIGNALED(*status_));
        // Waits for the person's terminal as the program itself would, which then could not have ended.
        pass_left_over();
        return status_;
    }

  private:
    void step() {
        const bool reads_keys = user_.keys() >= 0 && typed_.empty() && master_ >= 0 && user_.is_in_foreground();
        const bool is_away = user_.keys() >= 0 && !user_.is_in_foreground();
        // What the person's terminal does not take is not read here, so that the program waits, and only the program.
        const auto wanted = static_cast<short>((unshown() ? 0 : POLLIN) | (typed_.empty() ? 0 : POLLOUT));
        std::array<pollfd, 5> polled{pollfd{channel_, POLLIN, 0}, pollfd{signals_, POLLIN, 0},
                                     pollfd{wanted != 0 ? master_ : -1, wanted, 0},
                                     pollfd{reads_keys ? user_.keys() : -1, POLLIN, 0}, awaited_output()};
        if (::poll(polled.data(), polled.size(), is_away ? look_again : -1) < 0) return;
        user_.make_raw();  // nothing where it is raw, or another job has the keys
        if ((polled[1].revents & POLLIN) != 0) take_signal();
        if (polled[3].revents != 0) take_keys();
        if ((polled[2].revents & POLLOUT) != 0) pass_keys();
        if (polled[4].revents != 0) show();
        if ((polled[2].revents & (POLLIN | POLLHUP)) != 0) pass_output();
        if (polled[0].revents != 0) take_message();
        if (!unshown()) until_.reset();
    }

    void take_message() {
        const auto message = receive(channel_);
        if (!message) status_ = leader_is_gone;
        if (message && message->kind == Kind::ended) status_ = message->value;
        ended_ = status_ || message->kind == Kind::kept;
        if (message && message->kind == Kind::stopped) stop_too();
    }

    void take_keys() {
        const ssize_t count = ::read(user_.keys(), chunk_.data(), chunk_.size());
        if (count > 0) {
            typed_.assign(chunk_.data(), static_cast<std::size_t>(count));
            ::explicit_bzero(chunk_.data(), static_cast<std::size_t>(count));
            pass_keys();
        } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
            hang_up();
        }
    }

    void pass_keys() {
        const ssize_t count = ::write(master_, typed_.data(), typed_.size());
        if (count < 0) return;
        ::explicit_bzero(typed_.data(), static_cast<std::size_t>(count));
        typed_.erase(0, static_cast<std::size_t>(count));
    }

    bool unshown() const { return shown_from_ < shown_to_; }
    pollfd awaited_output() const { return {unshown() ? user_.output() : -1, POLLOUT, 0}; }

    /// False when there is nothing to pass on now, or the person's terminal takes no more.
    bool pass_output() {
        if (master_ < 0 || unshown()) return false;
        const ssize_t count = ::read(master_, shown_.data(), shown_.size());
        if (count <= 0) return count < 0 && errno == EINTR;
        shown_from_ = 0;
        shown_to_ = static_cast<std::size_t>(count);
        return show();
    }

    /// Shows more of what was read. False when some is left, or the terminal is gone.
    bool show() {
        while (unshown()) {
            const auto count = user_.write({shown_.data() + shown_from_, shown_to_ - shown_from_});
            if (!count) hang_up();
            if (!count || *count == 0) return false;
            shown_from_ += *count;
        }
        return true;
    }

    /// Waits for the terminal, but with a limit when this process is to end or stop. It is as it was found then: Ctrl-C
    /// is a signal, which tells this process to end. False: the terminal has not taken all.
    bool show_all() {
        while (unshown()) {
            user_.restore();
            std::array<pollfd, 2> polled{awaited_output(), pollfd{signals_, POLLIN, 0}};
            if (::poll(polled.data(), polled.size(), showing_ms()) == 0) return false;
            if ((polled[1].revents & POLLIN) != 0) take_signal();
            if (polled[0].revents != 0) show();
        }
        return true;
    }

    /// How long poll() may wait. Less each time, so that no terminal that takes little at a time makes it longer.
    int showing_ms() {
        if (ended_ && !is_to_end_) return -1;
        if (!until_) until_ = Clock::now() + longest_showing;
        const auto left = std::chrono::ceil<milliseconds>(*until_ - Clock::now());
        return static_cast<int>(std::max(left, milliseconds(0)).count());
    }

    /// What the program wrote before it ended or was stopped. While this process is to end,
    /// a program that is stopped again and again gets no new limit for output that nobody took within the last one.
    void pass_left_over() {
        if (!is_to_end_ || !unshown()) until_.reset();
        std::size_t left = most_left_over;
        while (show_all() && left > 0 && (pass_output() || unshown()))
            left -= std::min(left, shown_to_);
    }

    void take_signal() {
        signalfd_siginfo info{};
        if (::read(signals_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
        const int number = static_cast<int>(info.ssi_signo);
        if (number == SIGTERM || number == SIGINT || number == SIGQUIT || number == SIGHUP) is_to_end_ = true;
        if (number == SIGCHLD) {
            look_at_resizer();
        } else if (number == SIGCONT) {
            user_.make_raw(true);
            copy_size();
        } else if (number == SIGWINCH) {
            copy_size();
        } else {
            // A terminal's signal is for all that it has in front; anybody else's was for the program.
            const bool from_terminal = info.ssi_code == SI_KERNEL || number == SIGTSTP;
            if (!from_terminal || !signal_front(number)) tell(channel_, {Kind::signal_program, number});
        }
    }

    /// The kernel sends it, as it does for a key: it knows the group itself. The group's number, which is all that a
    /// process can ask for and send to, may be another's since: it stays the terminal's when the group has ended.
    /// @return whether it is one that terminals send.
    bool signal_front(int number) {
        if (number == SIGHUP)
            hang_up();
        else if (number != SIGINT && number != SIGQUIT && number != SIGTSTP)
            return false;
        else if (master_ >= 0)
            ::ioctl(master_, TIOCSIG, number);
        return true;
    }

    /// Waits for a process of the session's that asks for the size and takes long to have it: so none of this one's
    /// calls does it, and no more than one process at a time.
    void copy_size() {
        if (master_ < 0) return;
        size_is_old_ = resizer_ > 0;
        if (size_is_old_) return;
        const winsize size = user_.size();
        resizer_ = do_apart({master_}, [&] { ::ioctl(master_, TIOCSWINSZ, &size); });
    }

    void look_at_resizer() {
        if (resizer_ <= 0 || ::waitpid(resizer_, nullptr, WNOHANG) == 0) return;
        resizer_ = -1;
        if (size_is_old_) copy_size();
    }

    /// The shell gets its terminal back as it gave it, and sees its job stopped, until it continues it. Where the job
    /// is not in front, this process is stopped alone: in its group may be who ends it in time, as timeout(1) does. A
    /// group that no shell looks after is not stopped by SIGTSTP: then the program goes on at once.
    void stop_too() {
        pass_left_over();
        user_.restore();
        sigset_t stop;
        ::sigemptyset(&stop);
        ::sigaddset(&stop, SIGTSTP);
        ::kill(user_.is_in_foreground() ? 0 : ::getpid(), SIGTSTP);
        ::sigprocmask(SIG_UNBLOCK, &stop, nullptr);  // here it stops
        ::sigprocmask(SIG_BLOCK, &stop, nullptr);
        user_.make_raw();
        copy_size();
        tell(channel_, {Kind::proceed, 0});
    }

    void hang_up() {
        shown_from_ = shown_to_;
        if (master_ >= 0) {
            ::close(std::exchange(master_, -1));  // not as the last one: see leader.hpp
            tell(channel_, {Kind::hang_up, 0});
        }
        ::explicit_bzero(typed_.data(), typed_.size());
        typed_.clear();
    }

    UserTerminal& user_;
    int master_;
    int channel_;
    int signals_ = -1;
    pid_t resizer_ = -1;
    bool size_is_old_ = false;  ///< it has changed since the resizer was started
    std::string typed_;         ///< not yet taken by the session's terminal
    std::array<char, 16 * 1024> chunk_{};
    std::array<char, 16 * 1024> shown_{};  ///< what was read from the session's terminal
    std::size_t shown_from_ = 0;           ///< what the person's terminal has not taken yet begins here,
    std::size_t shown_to_ = 0;             ///< and ends there
    bool ended_ = false;
    bool is_to_end_ = false;                  ///< somebody has told this process or the program to end
    std::optional<Clock::time_point> until_;  ///< what is left over is shown, once there is a limit
    std::optional<int> status_;
};

}  // namespace

sigset_t relayed_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number :
         {SIGWINCH, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD})
        ::sigaddset(&signals, number);
    return signals;
}

std::optional<int> relay_terminal(UserTerminal& user, int master, int channel) {
    // So the kernel stops this process as any job that writes from the background where root does not want it (stty
    // tostop).
    sigset_t of_jobs;
    ::sigemptyset(&of_jobs);
    ::sigaddset(&of_jobs, SIGTTIN);
    ::sigaddset(&of_jobs, SIGTTOU);
    ::sigprocmask(SIG_UNBLOCK, &of_jobs, nullptr);
    Relay relay(user, master, channel);
    const auto status = relay.run();
    user.restore();  // before anything of the session's is closed
    return status;
}

}  // namespace capsule
