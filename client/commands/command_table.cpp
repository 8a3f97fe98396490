#include "client/commands/command_table.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>

namespace capsule {
namespace {

/// CLI11's pages, with what it has no words for.
class HelpPages : public CLI::Formatter {
    std::string make_usage(const CLI::App* command, std::string path) const override {
        std::string line = CLI::Formatter::make_usage(command, std::move(path));
        if (command->get_name() == "exec") line.insert(line.find_last_not_of('\n') + 1, " [-- ARGUMENTS]");
        return line;
    }
    /// Without "Excludes": a person who gives both is told so.
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_type_name().empty() ? "" : " " + option->get_type_name();
    }
};

/// The heading above the list of commands in --help.
void group_commands(CLI::App& app) {
    for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (!command->get_group().empty()) command->group("Commands");
        group_commands(*command);
    }
}

}  // namespace

void add_commands(CLI::App& app, Invocation& invocation) {
    app.description("Talks to capsuled: which agent runs on which provider, with which key, and why");
    add_examples(
        app,
        "Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not reachable, 4 access denied, 5 key absent or unusable,\n"
        "6 cell blocked or unsupported, 7 config conflict, 130 cancelled",
        {"status", "auth set zai", "exec claude --provider zai"});
    app.formatter(std::make_shared<HelpPages>());
    app.get_formatter()->label("Positionals", "Arguments");
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app.get_formatter()->label("REQUIRED", "");  // the line "Usage:" has the others in brackets
    app.set_version_flag("-V,--version", "capsulectl " CAPSULE_VERSION)->description("Say the version, and exit");
    app.set_help_flag("-h,--help", "Explain, and exit");
    app.add_option("--socket", invocation.globals.socket, "The daemon's socket (else CAPSULE_SOCKET, else the default)")
        ->type_name("PATH");
    app.add_flag("--json", invocation.globals.json, "Print results and errors as JSON");
    app.require_subcommand(1);
    app.fallthrough();  // inherited: --json and --socket are understood after a command as well
    add_status(app, invocation);
    add_exec(app, invocation);
    add_as_agent(app, invocation);
    add_spawn(app, invocation);
    add_explain(app, invocation);
    add_providers(app, invocation);
    add_auth(app, invocation);
    add_sessions(app, invocation);
    add_metrics(app, invocation);
    add_usage(app, invocation);
    add_config(app, invocation);
    add_reload(app, invocation);
    add_verify(app, invocation);
    add_completion(app, invocation);
    add_words(app, invocation);
    group_commands(app);
}

}  // namespace capsule
