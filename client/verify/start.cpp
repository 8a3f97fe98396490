#include "client/verify/start.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <system_error>
#include <thread>

#include "client/commands/become.hpp"
#include "client/recorder/loopback.hpp"
#include "protocol/own_signals.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

namespace fs = std::filesystem;

namespace {

volatile std::sig_atomic_t interrupted = 0;

/// While it lives, ^C only sets the flag, so that scratch directories are removed.
class Interrupts {
  public:
    Interrupts() {
        struct sigaction action {};
        action.sa_handler = [](int) { interrupted = 1; };
        ::sigaction(SIGINT, &action, &interrupt_);
        ::sigaction(SIGTERM, &action, &terminate_);
    }
    ~Interrupts() {
        ::sigaction(SIGINT, &interrupt_, nullptr);
        ::sigaction(SIGTERM, &terminate_, nullptr);
    }
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

  private:
    struct sigaction interrupt_ {};
    struct sigaction terminate_ {};
};

Error failed(const std::string& what) {
    return {ErrorCode::io_error, what + ": " + std::generic_category().message(errno),
            "is there room in /tmp (or TMPDIR), and may you start programs?"};
}

bool write_text(const char* path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return static_cast<bool>(file);
}

constexpr off_t most_kept = 1024 * 1024;          ///< bytes of what an agent wrote: its last ones
constexpr off_t most_written = 64 * 1024 * 1024;  ///< bytes; an agent that writes more is ended

off_t size_of(int output) {
    struct stat status {};
    return ::fstat(output, &status) == 0 ? status.st_size : 0;
}

std::string end_of(int output) {
    const off_t size = size_of(output);
    const off_t kept = std::min(size, most_kept);
    std::string text(static_cast<std::size_t>(kept), '\0');
    const ssize_t count = ::pread(output, text.data(), text.size(), size - kept);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return text;
}

/// What an agent writes to has no name: the agent is the user that this process is, and could put a FIFO there.
int make_output(const char* name) {
    return ::memfd_create(name, MFD_CLOEXEC);
}

/// In the child, where only async-signal-safe calls are allowed: the stand-in's thread was not copied.
[[noreturn]] void become(const char* program, char* const* argv, char* const* env, const char* directory, int in,
                         int out, int err) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    if (::chdir(directory) == 0) ::execve(program, argv, env);
    ::_exit(127);
}

/// Whether a child has ended. Where another process traces it and keeps its end to itself, waitid says nothing, and the
/// pidfd does: then it has ended when a tracer that means well would have let it go.
class End {
  public:
    explicit End(pid_t child) : child_(child), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))) {}

    bool is_here(std::chrono::steady_clock::time_point now) {
        siginfo_t info{};
        if (::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
        pollfd polled{pidfd_.get(), POLLIN, 0};
        if (!kept_since_ && ::poll(&polled, 1, 0) == 1) kept_since_ = now;
        return info.si_pid == child_ || (kept_since_ && now > *kept_since_ + std::chrono::seconds(1));
    }

  private:
    pid_t child_;
    UniqueFd pidfd_;
    std::optional<std::chrono::steady_clock::time_point> kept_since_;
};

/// Of a process that has been killed: waitpid's status. A process that traces it can keep its end to itself, and is not
/// waited for.
int reap(pid_t child) {
    constexpr int most_looks = 50;
    int status = SIGKILL;
    for (int look = 0; ::waitpid(child, &status, WNOHANG) == 0 && look < most_looks; ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return status;
}

void wait_for(pid_t child, TrialRun& run, std::chrono::seconds limit, const std::array<int, 2>& outputs) {
    const Interrupts interrupts;
    End ended(child);
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!ended.is_here(std::chrono::steady_clock::now()) && !run.timed_out && !run.interrupted) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const bool too_much = std::ranges::any_of(outputs, [](int output) { return size_of(output) > most_written; });
        run.timed_out = too_much || std::chrono::steady_clock::now() > end;
        run.interrupted = interrupted != 0;
    }
    // Before it is reaped, as then its numbers may be another's. It may have left its own group.
    signal_child(child, SIGKILL, true);
    signal_child(child, SIGKILL);
    const int status = reap(child);
    run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool go_offline() {
    const std::string uid = std::to_string(::getuid());
    const std::string gid = std::to_string(::getgid());
    // If this process was root before, /proc/self belongs to root, and the files below could not be written.
    const int dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    const bool offline = ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_text("/proc/self/setgroups", "deny") &&
                         write_text("/proc/self/uid_map", uid + " " + uid + " 1") &&
                         write_text("/proc/self/gid_map", gid + " " + gid + " 1") && bring_loopback_up();
    if (dumpable != 1) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return offline;
}

Result<TrialRun> start_and_wait(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
                                const fs::path& directory, std::chrono::seconds limit) {
    const auto path = env.find("PATH");
    const auto program = find_program(argv.front(), path == env.end() ? "" : path->second);
    if (!program) return program.error();
    std::vector<std::string> variables;
    for (const auto& [name, value] : env)
        variables.push_back(name + "=" + value);
    const auto argv_pointers = pointers(argv);
    const auto env_pointers = pointers(variables);
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int out = make_output("out");
    const int err = make_output("err");
    const pid_t child = ::fork();
    if (child == 0)
        become(program->c_str(), argv_pointers.data(), env_pointers.data(), directory.c_str(), in, out, err);
    ::close(in);
    TrialRun run;
    if (child > 0) {
        ::setpgid(child, child);  // in the child, too: whichever comes first
        wait_for(child, run, limit, {out, err});
        run.out = end_of(out);
        run.err = end_of(err);
    }
    for (const int descriptor : {out, err})
        ::close(descriptor);
    if (child < 0) return failed("cannot start " + *program);
    return run;
}

}  // namespace capsule
