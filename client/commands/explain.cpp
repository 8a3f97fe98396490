#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/explain_answer.hpp"
#include "client/commands/explain_page.hpp"
#include "client/commands/pager.hpp"
#include "client/commands/session_options.hpp"

namespace capsule {

void add_explain(CLI::App& app, Invocation& invocation) {
    CLI::App* command =
        app.add_subcommand("explain", "What spawn would do and why; nothing is written, keys are masked");
    add_examples(*command, "", {"explain claude", "explain codex --provider minimax --all"});
    auto options = std::make_shared<SessionOptions>();
    auto all = std::make_shared<bool>(false);
    add_session_options(*command, *options, true);
    command->add_flag("--all", *all, "Every argument, variable, file and setting");
    run_with(*command, invocation, [options, all](const Globals& globals) {
        const auto page = [all](const ExplainResult& plan) {
            return *all ? explain_page(plan, output_style()) : explain_answer(plan, output_style());
        };
        SpawnParams params = session_params(*options);
        if (auto done = leave_out_own_login(globals, *options, params); !done) return fail(globals, done.error());
        return call_and_print<ExplainResult>(globals, "explain", params_json(params), page, print_paged);
    });
}

}  // namespace capsule
