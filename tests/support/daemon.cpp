#include "tests/support/daemon.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <thread>

#include "tests/support/temp_dir.hpp"

namespace capsule::test {

namespace fs = std::filesystem;

Daemon::Daemon(Options options) : options_(std::move(options)) {
    Program program{.argv = {CAPSULED_BINARY}, .env = options_.env};
    program.identity = options_.identity;
    program.passwd = options_.passwd;
    program.sees_own_processes_only = options_.sees_own_processes_only;
    if (options_.identity) program.argv[0] = reachable_copy(CAPSULED_BINARY, options_.log.parent_path() / "programs");
    program.argv.insert(program.argv.end(), options_.arguments.begin(), options_.arguments.end());

    const int log = open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_ = start_program(program, {nothing, log, log});
    close(log);
    close(nothing);
    running_ = true;

    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
        try {
            // One that was killed a moment ago may still take connections.
            if (connect().listener() == pid_) return;
            throw std::runtime_error("another one listens");
        } catch (const std::runtime_error&) {
            int status = 0;
            const bool gone = waitpid(pid_, &status, WNOHANG) == pid_;
            if (gone) running_ = false;
            if (gone || std::chrono::steady_clock::now() > end) {
                // The destructor of a half-made object does not run.
                if (running_) kill(pid_, SIGKILL);
                throw std::runtime_error("capsuled did not start:\n" + this->log());
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

Daemon::~Daemon() {
    if (!running_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

std::string Daemon::log() const {
    return read_file(options_.log);
}

void Daemon::signal(int number) const {
    kill(pid_, number);
}

void Daemon::suspend() const {
    signal(SIGSTOP);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOWAIT);  // the signal alone takes its time
}

int Daemon::wait(std::chrono::milliseconds limit) {
    running_ = false;  // at the limit it is killed
    return wait_for_exit(pid_, limit);
}

int Daemon::stop() {
    signal(SIGTERM);
    return wait();
}

fs::path reachable_copy(const fs::path& program, const fs::path& directory) {
    fs::create_directories(directory);
    const fs::path copy = directory / program.filename();
    fs::copy_file(program, copy, fs::copy_options::skip_existing);
    fs::permissions(copy, fs::perms{0755});
    return copy;
}

}  // namespace capsule::test
