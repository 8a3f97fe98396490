#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/completion_script.hpp"

namespace capsule {

void add_completion(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("completion", "Print a shell's completion script");
    add_examples(*command, "", {"completion bash >/etc/bash_completion.d/capsulectl", "completion fish | source"});
    auto shell = std::make_shared<std::string>();
    takes_one_of(*command->add_option("SHELL", *shell, "The shell that is to complete")->required(),
                 {"bash", "zsh", "fish"});
    run_with(*command, invocation, [&app, shell](const Globals&) {
        print(completion_script(app, *shell));
        return ExitCode::done;
    });
}

}  // namespace capsule
