#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/plan_usage_page.hpp"

namespace capsule {
namespace {

ExitCode run(const Globals& globals, const UsageParams& params) {
    bool failed = false;
    const auto page = [&](const UsageResult& result) {
        failed = params.provider && !result.providers.empty() && result.providers.front().error;
        return plan_usage_page(result, output_style());
    };
    const ExitCode code = call_and_print<UsageResult>(globals, "usage", params_json(params), page);
    return code == ExitCode::done && failed ? ExitCode::failed : code;
}

}  // namespace

void add_usage(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("usage", "What is left of each subscription");
    add_examples(*command, "Each provider is asked at most once a minute.", {"usage", "usage --provider zai"});
    auto params = std::make_shared<UsageParams>();
    CLI::Option* provider =
        command->add_option("--provider", params->provider, "Of that provider alone")->type_name("ID");
    command->add_option("PROVIDER", params->provider, "The same")->type_name("")->excludes(provider);
    run_with(*command, invocation, [params](const Globals& globals) { return run(globals, *params); });
}

}  // namespace capsule
