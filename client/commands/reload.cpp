#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iterator>

#include "client/commands/command_table.hpp"

namespace capsule {
namespace {

/// What of the configuration does not hold yet, or cannot. Nothing where the daemon does not say.
std::vector<Warning> what_does_not_hold(const Globals& globals) {
    std::vector<Warning> out;
    const auto answer = call(globals, "status", boost::json::object_kind);
    const auto status = answer ? result_as<StatusResult>(*answer) : ClientResult<StatusResult>(answer.error());
    if (!status) return out;
    std::ranges::copy_if(status->warnings, std::back_inserter(out), [](const Warning& each) {
        return each.code == "config.restart" || each.code == "default.no_key" || each.code == "session.no_key";
    });
    return out;
}

ExitCode reload(const Globals& globals) {
    const auto result = call(globals, "reload", boost::json::object_kind);
    if (!result) return fail(globals, result.error());
    const auto config = result_as<ConfigStatus>(*result);
    if (!config) return fail(globals, config.error());
    if (globals.json) {
        print_json(*result);
        return config->ok ? ExitCode::done : ExitCode::failed;
    }
    if (!config->ok)
        return fail(globals, ExitCode::failed, "client.failed",
                    {ErrorCode::io_error, config->error.value_or("the configuration could not be loaded"),
                     "the older configuration stays in force: correct the file and reload again"});
    print(config->path ? "loaded " + printable(*config->path) + "\n" : "no configuration file: built-in defaults\n");
    print_warnings(what_does_not_hold(globals));
    return ExitCode::done;
}

}  // namespace

void add_reload(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("reload", "Let the daemon read its configuration anew");
    add_examples(*command, "A configuration that is wrong changes nothing.", {"reload", "reload --json"});
    run_with(*command, invocation, reload);
}

}  // namespace capsule
