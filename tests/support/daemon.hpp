// The real capsuled, started and stopped as an init would.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/command.hpp"
#include "tests/support/raw_connection.hpp"

namespace capsule::test {

class Daemon {
  public:
    struct Options {
        std::filesystem::path socket;
        std::filesystem::path log;           ///< stdout and stderr go there
        std::vector<std::string> arguments;  ///< after the program's name
        Environment env;
        std::optional<Identity> identity{};
        std::filesystem::path passwd{};
        bool sees_own_processes_only = false;
    };

    /// Starts it and waits until it takes connections. Throws std::runtime_error, with the log, when it does not.
    explicit Daemon(Options options);
    /// Kills it if it still runs.
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    pid_t pid() const { return pid_; }
    const std::filesystem::path& socket() const { return options_.socket; }
    RawConnection connect() const { return RawConnection(options_.socket); }
    std::string log() const;

    void signal(int number) const;
    /// SIGSTOP, and waits until it holds; signal(SIGCONT) lets the daemon go on.
    void suspend() const;
    /// SIGTERM, then wait(). Gives the exit status.
    int stop();
    /// Its exit status (128 + the signal that ended it). Throws std::runtime_error when it goes on running.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(20));
    bool running() const { return running_; }

  private:
    Options options_;
    pid_t pid_ = -1;
    bool running_ = false;
};

/// A copy of the program that another user may execute, too, wherever the build directory is.
std::filesystem::path reachable_copy(const std::filesystem::path& program, const std::filesystem::path& directory);

}  // namespace capsule::test
