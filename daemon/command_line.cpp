#include "daemon/command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdlib>

#include "capsule_version.hpp"

namespace capsule {

CommandLine read_command_line(int argc, char** argv) {
    constexpr int usage_error = 2;
    CommandLine line;
    CLI::App app{
        "capsuled: holds LLM-provider keys in a capsule and tells launchers how to start coding agents.\n"
        "It is for capsule images (containers), not for workstations.",
        "capsuled"};
    app.add_option("--config", line.config, "The configuration file (else CAPSULE_CONFIG, else the default place)");
    app.add_option("--socket", line.socket, "The Unix socket (else CAPSULE_SOCKET, else [daemon] socket)");
    app.add_option("--log-level", line.log_level, "trace, debug, info, warn or error")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
    app.add_option("--log-format", line.log_format, "text or json: one object per line")
        ->check(CLI::IsMember({"text", "json"}));
    app.add_option("--log-file", line.log_file, "Log to this file, and keep one older one, instead of stderr");
    app.add_flag("--check-config", line.check_config, "Read the configuration, say what is wrong with it, and end");
    app.set_version_flag("--version", std::string("capsuled ") + capsule_version);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : usage_error);
    }
    return line;
}

}  // namespace capsule
