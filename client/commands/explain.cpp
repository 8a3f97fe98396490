#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/explain_page.hpp"
#include "client/commands/session_options.hpp"

namespace capsule {

void add_explain(CLI::App& app, Invocation& invocation) {
    CLI::App* command =
        app.add_subcommand("explain", "What spawn would do and why; nothing is written, keys are masked");
    add_examples(*command, "", {"explain claude", "explain codex --provider minimax --workspace acme"});
    auto options = std::make_shared<SessionOptions>();
    add_session_options(*command, *options, true);
    run_with(*command, invocation, [options](const Globals& globals) {
        return call_and_print<ExplainResult>(
            globals, "explain", params_json(session_params(*options)),
            [](const ExplainResult& plan) { return explain_page(plan, output_style()); });
    });
}

}  // namespace capsule
