#include "client/verify/start.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

#include "client/commands/become.hpp"
#include "client/recorder/loopback.hpp"

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

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> out;
    for (const auto& word : words)
        out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
}

int open_output(const fs::path& path) {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
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

void wait_for(pid_t child, TrialRun& run, std::chrono::seconds limit) {
    const Interrupts interrupts;
    const auto end = std::chrono::steady_clock::now() + limit;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        run.timed_out = std::chrono::steady_clock::now() > end;
        run.interrupted = interrupted != 0;
        if (run.timed_out || run.interrupted) {
            ::kill(-child, SIGKILL);
            ::waitpid(child, &status, 0);
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ::kill(-child, SIGKILL);  // whatever it left running
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
                                const fs::path& directory, const fs::path& scratch, std::chrono::seconds limit) {
    const auto path = env.find("PATH");
    const auto program = find_program(argv.front(), path == env.end() ? "" : path->second);
    if (!program) return program.error();
    std::vector<std::string> variables;
    for (const auto& [name, value] : env)
        variables.push_back(name + "=" + value);
    const auto argv_pointers = pointers(argv);
    const auto env_pointers = pointers(variables);
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int out = open_output(scratch / "out");
    const int err = open_output(scratch / "err");
    const pid_t child = ::fork();
    if (child == 0)
        become(program->c_str(), argv_pointers.data(), env_pointers.data(), directory.c_str(), in, out, err);
    for (const int descriptor : {in, out, err})
        ::close(descriptor);
    if (child < 0) return failed("cannot start " + *program);
    ::setpgid(child, child);  // in the child, too: whichever comes first
    TrialRun run;
    wait_for(child, run, limit);
    run.out = text_of(scratch / "out");
    run.err = text_of(scratch / "err");
    return run;
}

}  // namespace capsule
