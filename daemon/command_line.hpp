// capsuled's command line.
#pragma once

#include <optional>
#include <string>

namespace capsule {

struct CommandLine {
    std::optional<std::string> config;
    std::optional<std::string> socket;
    std::optional<std::string> log_level;
    std::optional<std::string> log_format;
    std::optional<std::string> log_file;
    bool check_config = false;
    bool key_files = false;
};

/// Reads the command line. Ends the process after --help and --version (0), and on a usage error (2).
CommandLine read_command_line(int argc, char** argv);

}  // namespace capsule
