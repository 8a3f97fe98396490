// Owns everything: brings it up, says READY, serves, and takes it down in order.
#pragma once

#include <map>
#include <string>

#include "daemon/base/secret.hpp"
#include "daemon/command_line.hpp"

namespace capsule {

/// --check-config: throws Failure with what is wrong; otherwise says that all is well on stdout.
void check_configuration(const CommandLine& line, const std::map<std::string, Secret>& environment);

/// --key-files: every file that a key may be read from, whether it is there or not, and nothing of the files. Throws
/// Failure where the configuration cannot be loaded.
void print_key_files(const CommandLine& line, const std::map<std::string, Secret>& environment);

/// Serves until SIGTERM or SIGINT; SIGHUP reloads. Throws Failure when it cannot start.
void serve(CommandLine line, std::map<std::string, Secret> environment);

}  // namespace capsule
