#include <exception>
#include <string>

#include "daemon/command_line.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/log/log.hpp"
#include "daemon/process/hardening.hpp"
#include "daemon/process/run_as.hpp"
#include "protocol/errors.hpp"
#include "protocol/own_signals.hpp"

int main(int argc, char** argv) {
    capsule::take_own_signals();
    capsule::run_as_if_asked(argc, argv);
    constexpr int failed = 1;
    try {
        // Before anything else can copy a key out of the environment, or crash with one in memory.
        capsule::harden_process();
        auto environment = capsule::take_environment();
        const capsule::CommandLine line = capsule::read_command_line(argc, argv);
        if (line.key_files)
            capsule::print_key_files(line, environment);
        else if (line.check_config)
            capsule::check_configuration(line, environment);
        else
            capsule::serve(line, std::move(environment));
        return 0;
    } catch (const capsule::Failure& failure) {
        capsule::log_failure(failure.error());
    } catch (const std::exception& failure) {
        capsule::log_failure(
            {capsule::ErrorCode::internal_error, std::string("internal error: ") + failure.what(), ""});
    }
    return failed;
}
