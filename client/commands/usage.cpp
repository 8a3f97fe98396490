#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "client/commands/command_table.hpp"
#include "client/commands/usage_page.hpp"

namespace capsule {
namespace {

/// Fails if a provider did not answer, for scripts that look at nothing else.
ExitCode run(const Globals& globals, const UsageParams& params) {
    const auto result = call(globals, "usage", params_json(params));
    if (!result) return fail(globals, result.error());
    const auto usage = result_as<UsageResult>(*result);
    if (!usage) return fail(globals, usage.error());
    if (globals.json)
        print_json(*result);
    else
        print(usage_page(*usage, output_style()));
    const bool failed =
        std::ranges::any_of(usage->providers, [](const UsageRow& row) { return row.error.has_value(); });
    return failed ? ExitCode::failed : ExitCode::done;
}

}  // namespace

void add_usage(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("usage", "What is left of each subscription");
    add_examples(*command, "Each provider is asked at most once a minute. Exit code 1: one of them did not say.",
                 {"usage", "usage --provider zai"});
    auto params = std::make_shared<UsageParams>();
    CLI::Option* provider =
        command->add_option("--provider", params->provider, "Of that provider alone")->type_name("ID");
    command->add_option("PROVIDER", params->provider, "That provider, without the option's name")
        ->type_name("")
        ->excludes(provider);
    run_with(*command, invocation, [params](const Globals& globals) { return run(globals, *params); });
}

}  // namespace capsule
