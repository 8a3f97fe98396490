// Starts programs as a person or a launcher would: with an exact environment, as another user, on a terminal.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::test {

using Environment = std::map<std::string, std::string>;

struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
};

/// A user that every Debian has and that owns nothing. Needs root to be taken on.
inline constexpr Identity nobody{65534, 65534};

struct Program {
    std::vector<std::string> argv;
    Environment env{};
    std::filesystem::path cwd{};           ///< empty: the test's own
    std::optional<Identity> identity{};    ///< none: the test's own
    bool own_group = false;                ///< of processes, to be signalled with what it starts
    std::filesystem::path passwd{};        ///< stands in for /etc/passwd, in a mount namespace of its own (needs root)
    bool sees_own_processes_only = false;  ///< with `passwd`: /proc shows it no other user's, as hidepid has it
};

/// Descriptors that become 0, 1 and 2.
struct Descriptors {
    int in = -1;
    int out = -1;
    int err = -1;
    bool terminal = false;  ///< `in` is a terminal that becomes the controlling one
};

/// Forks and executes. Sanitizers' own variables are passed on. The child ends with 127 when it cannot start.
pid_t start_program(const Program& program, const Descriptors& descriptors);

/// 0 … 255, or 128 + the signal that ended it. Throws std::runtime_error at the limit, having killed the child.
int wait_for_exit(pid_t child, std::chrono::milliseconds limit);

struct Outcome {
    int exit_code = 0;
    std::string out;
    std::string err;
};

/// Runs it to its end. Throws std::runtime_error at the limit, having killed it.
Outcome run_command(const Program& program, std::string_view input = {},
                    std::chrono::milliseconds limit = std::chrono::seconds(60));

/// The same on a terminal of 24 × 120; what it shows is in `out`.
Outcome run_on_terminal(const Program& program, std::chrono::milliseconds limit = std::chrono::seconds(60));

/// On one of that many columns.
Outcome run_on_terminal(const Program& program, std::uint16_t columns);

bool am_root();

}  // namespace capsule::test
