#include "tests/support/command.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace capsule::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array sanitizer_variables{"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"};

[[noreturn]] void give_up(const char* what) {
    dprintf(2, "%s: errno %d\n", what, errno);
    _exit(127);
}

void take_on(const Program& program) {
    if (!program.passwd.empty()) {
        if (unshare(CLONE_NEWNS) != 0) give_up("unshare");
        if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up("mount private");
        if (mount(program.passwd.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0) give_up("mount passwd");
        const bool see = program.sees_own_processes_only;
        if (see && mount("proc", "/proc", "proc", 0, "hidepid=ptraceable") != 0) give_up("mount proc");
        if (see && prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) != 0) give_up("drop CAP_SYS_PTRACE");
    }
    if (program.identity) {
        if (setgroups(0, nullptr) != 0) give_up("setgroups");
        if (setgid(program.identity->gid) != 0) give_up("setgid");
        if (setuid(program.identity->uid) != 0) give_up("setuid");
    }
    if (!program.cwd.empty() && chdir(program.cwd.c_str()) != 0) give_up("chdir");
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts)
        out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

struct Pipe {
    std::array<int, 2> ends{-1, -1};
    Pipe() {
        if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    }
    ~Pipe() {
        shut(0);
        shut(1);
    }
    void shut(std::size_t end) {
        if (ends[end] >= 0) close(ends[end]);
        ends[end] = -1;
    }
};

/// Appends what there is; false at the end.
bool drain(int descriptor, std::string& into) {
    std::array<char, 8192> block{};
    const ssize_t got = read(descriptor, block.data(), block.size());
    if (got > 0) into.append(block.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EINTR);
}

int remaining(Clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
}

[[noreturn]] void kill_and_throw(pid_t child, const Program& program, const Outcome& outcome) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    throw std::runtime_error(program.argv.front() + " did not end in time; it wrote:\n" + outcome.out + outcome.err);
}

}  // namespace

pid_t start_program(const Program& program, const Descriptors& descriptors) {
    std::vector<std::string> argv = program.argv;
    std::vector<std::string> env;
    for (const auto& [name, value] : program.env)
        env.push_back(name + "=" + value);
    for (const char* name : sanitizer_variables)
        if (const char* value = std::getenv(name); value && !program.env.contains(name))
            env.push_back(std::string(name) + "=" + value);
    const std::vector<char*> argv_pointers = pointers(argv);
    const std::vector<char*> env_pointers = pointers(env);

    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    // Here and there: whichever comes first. Once it is another program it would be too late here.
    if (program.own_group) setpgid(child, child);
    if (child > 0) return child;
    if (descriptors.terminal) {
        setsid();
        ioctl(descriptors.in, TIOCSCTTY, 0);
    }
    dup2(descriptors.in, 0);
    dup2(descriptors.out, 1);
    dup2(descriptors.err, 2);
    take_on(program);
    execve(argv_pointers.front(), argv_pointers.data(), env_pointers.data());
    give_up(argv_pointers.front());
}

int wait_for_exit(pid_t child, std::chrono::milliseconds limit) {
    const auto end = Clock::now() + limit;
    int status = 0;
    for (;;) {
        const pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child) break;
        if (got < 0 && errno != EINTR) throw std::runtime_error("waitpid failed");
        if (Clock::now() >= end) {
            kill(child, SIGKILL);
            waitpid(child, nullptr, 0);
            throw std::runtime_error("a program did not end in time");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Outcome run_command(const Program& program, std::string_view input, std::chrono::milliseconds limit) {
    Pipe in;
    Pipe out;
    Pipe err;
    const pid_t child = start_program(program, {in.ends[0], out.ends[1], err.ends[1]});
    in.shut(0);
    out.shut(1);
    err.shut(1);
    // Inputs here are far smaller than a pipe's buffer, so that this cannot wait for the child.
    if (!input.empty() && write(in.ends[1], input.data(), input.size()) < 0 && errno != EPIPE)
        throw std::runtime_error("cannot write to " + program.argv.front());
    in.shut(1);

    Outcome outcome;
    const auto end = Clock::now() + limit;
    std::array<pollfd, 2> polled{pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
    while (polled[0].fd >= 0 || polled[1].fd >= 0) {
        if (poll(polled.data(), polled.size(), remaining(end)) == 0) kill_and_throw(child, program, outcome);
        if (polled[0].fd >= 0 && polled[0].revents && !drain(polled[0].fd, outcome.out)) polled[0].fd = -1;
        if (polled[1].fd >= 0 && polled[1].revents && !drain(polled[1].fd, outcome.err)) polled[1].fd = -1;
    }
    outcome.exit_code = wait_for_exit(child, limit);
    return outcome;
}

namespace {

Outcome on_terminal(const Program& program, std::uint16_t columns, std::chrono::milliseconds limit) {
    int ours = -1;
    int theirs = -1;
    winsize size{24, columns, 0, 0};
    if (openpty(&ours, &theirs, nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty failed");
    fcntl(ours, F_SETFD, FD_CLOEXEC);
    const pid_t child = start_program(program, {theirs, theirs, theirs, true});
    close(theirs);

    Outcome outcome;
    const auto end = Clock::now() + limit;
    pollfd polled{ours, POLLIN, 0};
    for (;;) {
        if (poll(&polled, 1, remaining(end)) == 0) {
            close(ours);
            kill_and_throw(child, program, outcome);
        }
        if (!drain(ours, outcome.out)) break;  // EIO: the child's end is closed
    }
    close(ours);
    outcome.exit_code = wait_for_exit(child, limit);
    return outcome;
}

}  // namespace

Outcome run_on_terminal(const Program& program, std::chrono::milliseconds limit) {
    return on_terminal(program, 120, limit);
}
Outcome run_on_terminal(const Program& program, std::uint16_t columns) {
    return on_terminal(program, columns, std::chrono::seconds(60));
}

bool am_root() {
    return geteuid() == 0;
}

}  // namespace capsule::test
