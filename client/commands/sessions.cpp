#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <thread>

#include "client/commands/command_table.hpp"
#include "client/commands/sessions_page.hpp"

namespace capsule {
namespace {

struct ListOptions {
    bool all = false;
    bool watch = false;
};

ExitCode list(const Globals& globals, const ListOptions& options) {
    SessionsListParams params;
    if (options.all) params.all = true;
    const auto page = [](const SessionsListResult& result) { return sessions_page(result, output_style()); };
    return call_and_print<SessionsListResult>(globals, "sessions.list", params_json(params), page);
}

/// Until Ctrl-C, or the daemon goes. A terminal shows each list in the place of the last one.
ExitCode watch(const Globals& globals, const ListOptions& options) {
    constexpr std::chrono::seconds every{1};
    constexpr const char* home_and_clear = "\033[H\033[2J";
    for (;;) {
        if (output_style().terminal && !globals.json) print(home_and_clear);
        if (const ExitCode code = list(globals, options); code != ExitCode::done) return code;
        std::this_thread::sleep_for(every);
    }
}

ExitCode end(const Globals& globals, const std::string& id) {
    const auto page = [](const SessionRow& row) {
        return "session " + printable(row.id) + " has ended: " + printable(row.ended.value_or("")) + "\n";
    };
    return call_and_print<SessionRow>(globals, "sessions.end", params_json(SessionsEndParams{id}), page);
}

}  // namespace

void add_sessions(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("sessions", "The sessions that live, and what each of them did");
    add_examples(*command, "", {"sessions --all", "sessions end abcdefghij"});
    auto options = std::make_shared<ListOptions>();
    command->add_flag("--all", options->all, "Those that ended within the last day, too");
    command->add_flag("--watch", options->watch, "Anew every second, until Ctrl-C");
    command->require_subcommand(0, 1);
    CLI::App* ending = command->add_subcommand("end", "End a session: what was given to it is worth nothing any more");
    auto id = std::make_shared<std::string>();
    ending->add_option("ID", *id, "As the list has it")->required()->type_name("");
    run_with(*ending, invocation, [id](const Globals& globals) { return end(globals, *id); });
    // A subcommand's action, set first, is the one that counts.
    command->callback([command, options, &invocation] {
        if (!command->get_subcommands().empty()) return;
        invocation.action = [options, &invocation] {
            return options->watch ? watch(invocation.globals, *options) : list(invocation.globals, *options);
        };
    });
}

}  // namespace capsule
