// bench_start: how long programs take; prints JSON.
//
//   bench_start --rounds N [--warm-up N] -- PROGRAM ARG… ::: PROGRAM ARG… …
//       from posix_spawn to the end of each program, in turns, N times each: [[microseconds…], …]
//   bench_start --socket S --request TEXT --cpu N -- PROGRAM ARG…
//       from exec to the first byte that a server answers TEXT with, asked again as soon as it can be connected to;
//       then ends it by SIGTERM: microseconds
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "tests/bench/options.hpp"

namespace capsule::bench {
namespace {

using Command = std::vector<std::string>;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

double now_us() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

std::vector<char*> arguments(const Command& command) {
    std::vector<char*> result;
    for (const std::string& argument : command)
        result.push_back(const_cast<char*>(argument.c_str()));
    result.push_back(nullptr);
    return result;
}

std::vector<Command> split(const std::vector<std::string>& rest) {
    std::vector<Command> commands(1);
    for (const std::string& argument : rest) {
        if (argument == ":::")
            commands.emplace_back();
        else
            commands.back().push_back(argument);
    }
    return commands;
}

/// Its output goes nowhere; it must succeed.
double time_of(const Command& command, const posix_spawn_file_actions_t& actions) {
    const auto argv = arguments(command);
    pid_t pid = 0;
    const double began = now_us();
    if (const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ); error != 0)
        errno = error, fail(argv[0]);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) fail("waitpid");
    const double took = now_us() - began;
    if (status != 0) throw std::runtime_error(command[0] + " failed");
    return took;
}

void time_programs(const Options& options) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const auto commands = split(options.rest());
    std::vector<std::vector<double>> times(commands.size());
    const int rounds = static_cast<int>(options.number("rounds", 1));
    for (int round = -static_cast<int>(options.number("warm-up", 3)); round < rounds; ++round)
        for (std::size_t i = 0; i < commands.size(); ++i)
            if (const double took = time_of(commands[i], actions); round >= 0) times[i].push_back(took);
    std::printf("[");
    for (std::size_t i = 0; i < times.size(); ++i) {
        std::printf(i == 0 ? "[" : ",[");
        for (std::size_t j = 0; j < times[i].size(); ++j)
            std::printf(j == 0 ? "%.1f" : ",%.1f", times[i][j]);
        std::printf("]");
    }
    std::printf("]\n");
}

/// Starts a server on its own core; *began is set right before exec.
pid_t start_server(const Command& command, int cpu, double* began) {
    const auto argv = arguments(command);
    const pid_t pid = ::fork();
    if (pid < 0) fail("fork");
    if (pid > 0) return pid;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<std::size_t>(cpu), &cores);
    const int nowhere = ::open("/dev/null", O_RDWR);
    if (::sched_setaffinity(0, sizeof cores, &cores) == 0 && ::dup2(nowhere, STDOUT_FILENO) >= 0 &&
        ::dup2(nowhere, STDERR_FILENO) >= 0) {
        *began = now_us();
        ::execv(argv[0], argv.data());
    }
    ::_exit(127);
}

bool answers(const sockaddr_un& address, const std::string& request) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    bool answered = false;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        char byte = 0;
        answered = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()) &&
                   ::recv(fd, &byte, 1, 0) == 1;
    }
    ::close(fd);
    return answered;
}

void time_to_ready(const Options& options) {
    constexpr timespec pause{0, 20'000};
    constexpr double limit_us = 10e6;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = options.text("socket");
    if (path.size() >= sizeof address.sun_path) throw std::invalid_argument("the socket's path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const std::string request = options.text("request");

    auto* began = static_cast<double*>(
        ::mmap(nullptr, sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (began == MAP_FAILED) fail("mmap");
    const double called = now_us();
    const pid_t pid = start_server(options.rest(), static_cast<int>(options.number("cpu", 0)), began);
    bool ready = false;
    while (!(ready = answers(address, request)) && now_us() - called < limit_us)
        ::nanosleep(&pause, nullptr);
    const double took = now_us() - *began;
    ::kill(pid, SIGTERM);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) fail("waitpid");
    if (!ready || status != 0) throw std::runtime_error(options.rest()[0] + " did not start, answer and stop");
    std::printf("%.1f\n", took);
}

}  // namespace
}  // namespace capsule::bench

int main(int argc, char** argv) {
    try {
        const capsule::bench::Options options(argc, argv);
        if (options.rest().empty()) throw std::invalid_argument("no program");
        if (options.all("socket").empty())
            capsule::bench::time_programs(options);
        else
            capsule::bench::time_to_ready(options);
        return 0;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "bench_start: %s\n", failure.what());
        return 1;
    }
}
