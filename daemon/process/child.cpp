#include "daemon/process/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>

#include "daemon/base/ready.hpp"
#include "daemon/process/keeper.hpp"
#include "daemon/process/sent_descriptors.hpp"
#include "protocol/message_sender.hpp"
#include "protocol/own_signals.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

constexpr int above_the_childs = run_as_report + 1;  ///< where a descriptor is in no other's way

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

/// With the write end where the child needs nothing else.
bool open_pipe(Pipe& pipe, bool is_socket = false) {
    std::array<int, 2> ends{};
    const int opened =
        is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) : ::pipe2(ends.data(), O_CLOEXEC);
    if (opened != 0) return false;
    pipe.read_end = UniqueFd(ends[0]);
    const UniqueFd write_end(ends[1]);
    pipe.write_end = UniqueFd(::fcntl(write_end.get(), F_DUPFD_CLOEXEC, above_the_childs));
    return pipe.write_end && ::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) == 0;
}

/// As a pipe is to the program: it can only write. False: it may send descriptors along.
bool only_reads(int socket) {
    ::shutdown(socket, SHUT_WR);
    urgent_bytes_in_place(socket);
    return take_no_descriptors(socket);
}

/// A file in memory that holds the plan, to be read from its beginning.
UniqueFd file_of(const std::string& plan) {
    const UniqueFd file(::memfd_create("plan", MFD_CLOEXEC));
    if (!file) return UniqueFd();
    for (std::size_t at = 0; at < plan.size();) {
        const ssize_t count = ::pwrite(file.get(), plan.data() + at, plan.size() - at, static_cast<off_t>(at));
        if (count < 0) return UniqueFd();
        at += static_cast<std::size_t>(count);
    }
    return UniqueFd(::fcntl(file.get(), F_DUPFD_CLOEXEC, above_the_childs));
}

/// The very file that this process runs, whatever has its name by now. Opened once: each way to it leads through /proc,
/// which any user can keep busy. -1: it could not be opened.
int own_executable() {
    static const UniqueFd own = [] {
        const UniqueFd file(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
        return UniqueFd(file ? ::fcntl(file.get(), F_DUPFD_CLOEXEC, above_the_childs) : -1);
    }();
    return own.get();
}

/// The daemon's descriptors in the places where the helper expects them, from 0 on.
using HelpersDescriptors = std::array<int, run_as_report + 1>;

/// In a child that has one thread, with whatever locks the daemon's other threads had: system calls only.
[[noreturn]] void become_helper(const HelpersDescriptors& descriptors, int executable, char* const* argv) {
    // Ignored ones would stay ignored.
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    for (int signal = 1; signal <= SIGRTMAX; ++signal)
        ::sigaction(signal, &by_default, nullptr);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    bool done = ::setsid() > 0;
    for (int place = 0; place <= run_as_report; ++place)
        done = done && ::dup2(descriptors[static_cast<std::size_t>(place)], place) == place;
    done = done && (executable == above_the_childs || ::dup3(executable, above_the_childs, O_CLOEXEC) > 0);
    // Whatever the daemon itself has open, or was started with, stays with the daemon.
    done = done && ::close_range(above_the_childs + 1, ~0U, 0) == 0;
    char* const no_variables = nullptr;
    if (done) ::syscall(SYS_execveat, above_the_childs, "", argv, &no_variables, AT_EMPTY_PATH);
    const RunReport report{RunReport::What::cannot_run, errno};
    [[maybe_unused]] const auto told = ::write(run_as_report, &report, sizeof report);
    ::_exit(EXIT_FAILURE);
}

/// The helper's pid; -1 with errno. What it waits for until it has become the helper, nobody else does.
pid_t start_helper(const HelpersDescriptors& descriptors) {
    const int executable = own_executable();
    if (executable < 0) {
        errno = ENOENT;
        return -1;
    }
    std::string name(run_as_name);
    const std::array<char*, 2> argv{name.data(), nullptr};
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);  // none of the daemon's handlers runs in the child
    const pid_t pid = ::fork();
    if (pid == 0) become_helper(descriptors, executable, argv.data());
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return pid;
}

void kill_unreaped(pid_t pid) {
    ::kill(-pid, SIGKILL);
    siginfo_t ignored{};
    ::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED);
}

}  // namespace

void prepare_to_start_children() {
    own_executable();
}

std::shared_ptr<Child> Child::start(const RunPlan& plan, const asio::any_io_executor& executor, ChildPipes& pipes) {
    Pipe out, err, report;
    const bool is_anothers = plan.identity.has_value();
    if (!open_pipe(out, is_anothers) || !open_pipe(err, is_anothers) || !open_pipe(report)) return nullptr;
    const bool refuse = !is_anothers || (only_reads(out.read_end.get()) && only_reads(err.read_end.get()));
    const UniqueFd text = file_of(write_run_plan(plan));
    if (!text) return nullptr;
    static_assert(run_as_plan == 0 && STDOUT_FILENO == 1 && STDERR_FILENO == 2 && run_as_report == 3);
    const pid_t pid = start_helper({text.get(), out.write_end.get(), err.write_end.get(), report.write_end.get()});
    if (pid < 0) return nullptr;
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        const int error = errno;
        kill_unreaped(pid);
        errno = error;
        return nullptr;
    }
    // Of a child that nobody can wait for nothing is left.
    struct Unwatched {
        pid_t pid;
        ~Unwatched() {
            if (pid > 0) kill_unreaped(pid);
        }
    } unwatched{pid};
    asio::posix::stream_descriptor awaited(executor, pidfd.get());  // fails where the system watches too many already
    pidfd.release();
    std::unique_ptr<Child> child(new Child(pid, is_anothers, std::move(awaited)));
    unwatched.pid = -1;
    pipes = {std::move(out.read_end), std::move(err.read_end), refuse, std::move(report.read_end)};
    return child;
}

Child::~Child() {
    kill_all();
    reap();
}

asio::awaitable<void> Child::ended() {
    boost::system::error_code error;
    do
        co_await pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                                   asio::redirect_error(asio::use_awaitable, error));
    while (!error && !is_ready_to_read(pidfd_.native_handle()));
}

void Child::kill_all() noexcept {
    if (exit_code_) return;
    // A keeper that was killed itself would kill nobody.
    if (kept_)
        signal_child(pid_, keeper_ends_with);
    else
        signal_child(pid_, SIGKILL, true);
}

bool Child::has_ended() noexcept {
    siginfo_t info{};
    const auto id = static_cast<id_t>(pidfd_.native_handle());
    return exit_code_ || (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0);
}

std::optional<int> Child::reap() noexcept {
    if (exit_code_) return exit_code_;
    siginfo_t info{};
    const auto pidfd = static_cast<id_t>(pidfd_.native_handle());
    if (::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return std::nullopt;
    exit_code_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return exit_code_;
}

}  // namespace capsule
