#include "daemon/process/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <climits>

#include "daemon/base/ready.hpp"
#include "daemon/base/trusted_path.hpp"
#include "daemon/process/keeper.hpp"
#include "daemon/process/sent_descriptors.hpp"
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

constexpr const char* own_executable_in_proc = "/proc/self/exe";

bool is_same_file(const struct stat& one, const struct stat& other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// A file by its name, as long as that has it.
struct NamedFile {
    std::string path;  ///< empty: there is no name that can be used
    struct stat status {};
};

NamedFile find_own_executable() {
    NamedFile own;
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink(own_executable_in_proc, path.data(), path.size());
    if (size <= 0 || ::stat(own_executable_in_proc, &own.status) != 0) return {};
    own.path.assign(path.data(), static_cast<std::size_t>(size));
    return untrusted_component(own.path) ? NamedFile() : own;
}

const NamedFile& named_own_executable() {
    static const NamedFile own = find_own_executable();
    return own;
}

/// The very file that this process runs, though a newer version may have taken its name by now. By its name where it
/// still has that: the kernel knows where it is, but has to look for a new process's part of /proc, and any user can
/// keep /proc busy.
const char* own_executable() {
    const NamedFile& own = named_own_executable();
    struct stat now {};
    const bool has_its_name = !own.path.empty() && ::stat(own.path.c_str(), &now) == 0 && is_same_file(own.status, now);
    return has_its_name ? own.path.c_str() : own_executable_in_proc;
}

/// What posix_spawn does between fork and exec.
class SpawnSetup {
  public:
    SpawnSetup(int plan, int out, int err, int report) {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawn_file_actions_adddup2(&files_, plan, run_as_plan);
        ::posix_spawn_file_actions_adddup2(&files_, out, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&files_, err, STDERR_FILENO);
        ::posix_spawn_file_actions_adddup2(&files_, report, run_as_report);
        // Whatever the daemon itself has open, or was started with, stays with the daemon.
        ::posix_spawn_file_actions_addclosefrom_np(&files_, above_the_childs);
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        sigset_t signals;
        sigemptyset(&signals);
        ::posix_spawnattr_setsigmask(&attributes_, &signals);
        sigfillset(&signals);
        ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;
    ~SpawnSetup() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    /// The helper's pid; -1 with errno.
    pid_t start() {
        std::string name(run_as_name);
        const std::array<char*, 2> argv{name.data(), nullptr};
        const std::array<char*, 1> env{nullptr};
        pid_t pid = -1;
        errno = ::posix_spawn(&pid, own_executable(), &files_, &attributes_, argv.data(), env.data());
        return errno == 0 ? pid : -1;
    }

  private:
    posix_spawn_file_actions_t files_{};
    posix_spawnattr_t attributes_{};
};

void kill_unreaped(pid_t pid) {
    ::kill(-pid, SIGKILL);
    siginfo_t ignored{};
    ::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED);
}

}  // namespace

void prepare_to_start_children() {
    named_own_executable();
}

std::shared_ptr<Child> Child::start(const RunPlan& plan, const asio::any_io_executor& executor, ChildPipes& pipes) {
    Pipe out, err, report;
    const bool is_anothers = plan.identity.has_value();
    if (!open_pipe(out, is_anothers) || !open_pipe(err, is_anothers) || !open_pipe(report)) return nullptr;
    const bool refuse = !is_anothers || (only_reads(out.read_end.get()) && only_reads(err.read_end.get()));
    const UniqueFd text = file_of(write_run_plan(plan));
    if (!text) return nullptr;
    SpawnSetup setup(text.get(), out.write_end.get(), err.write_end.get(), report.write_end.get());
    const pid_t pid = setup.start();
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
