// capsulectl: the launcher and diagnostics tool of capsuled. The commands are in commands/.
#include <cstdio>
#include <exception>

#include "client/commands/run.hpp"
#include "client/roots_environment.hpp"
#include "protocol/own_signals.hpp"

int main(int argc, char** argv) {
    capsule::take_own_signals();
    capsule::leave_out_locales_of_others();
    try {
        return static_cast<int>(capsule::run_capsulectl({argv + (argc > 0 ? 1 : 0), argv + argc}));
    } catch (const capsule::Failure& failure) {
        std::fprintf(stderr, "capsulectl: %s\n  hint: %s\n", failure.error().message.c_str(),
                     failure.error().hint.c_str());
        return static_cast<int>(capsule::ExitCode::failed);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "capsulectl: %s\n", error.what());
        return static_cast<int>(capsule::ExitCode::failed);
    }
}
