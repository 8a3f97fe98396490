#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>

#include "client/commands/command_table.hpp"
#include "client/commands/masking.hpp"
#include "client/commands/session_options.hpp"
#include "client/shell.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace {

struct SpawnOptions {
    SessionOptions session;
    std::string format = "json";
    bool reveal = false;
};

/// On a terminal the keys are hidden: somebody may be looking, or recording.
boost::json::value hide_keys(const SpawnResult& session, const ClientResult<boost::json::value>& explained) {
    std::optional<ExplainResult> explanation;
    if (explained)
        if (auto typed = result_as<ExplainResult>(*explained)) explanation = *std::move(typed);
    return to_json(mask_session(session, explanation));
}

ExitCode show(const Globals& globals, const SpawnOptions& options, const boost::json::value& result) {
    if (globals.json || options.format == "json") {
        print_json(result);
        return ExitCode::done;
    }
    const auto session = result_as<SpawnResult>(result);
    if (!session) return fail(globals, session.error());
    print_warnings(session->warnings);
    print_warnings(not_passed(options.session, session->dropped));
    print(options.format == "shell" ? shell_script(*session) : env0(*session));
    return ExitCode::done;
}

/// What a shell or `env -i` starts is whoever has typed the line, on their terminal: root would run what the session's
/// user has in its home. Asked before there is a session.
std::optional<Error> starts_as_another(const ExplainResult& plan) {
    const SessionUser& user = plan.user;
    if (user.uid == ::geteuid()) return std::nullopt;
    return Error{ErrorCode::access_denied,
                 "the session's user is " + user.name + " (uid " + std::to_string(user.uid) +
                     "), and this line would start the agent as uid " + std::to_string(::geteuid()),
                 "use \"capsulectl exec\", which becomes that user on a terminal of its own; a launcher that does both "
                 "itself takes --format json"};
}

ExitCode run(const Globals& globals, const SpawnOptions& options) {
    auto client = connect(globals);
    if (!client) return fail(globals, client.error());
    SpawnParams wanted = session_params(options.session);
    if (auto done = leave_out_own_login(globals, options.session, wanted); !done) return fail(globals, done.error());
    if (!globals.json && options.format != "json") {
        const auto plan = client->explain(wanted);
        if (!plan) return fail(globals, plan.error());
        if (const auto refused = starts_as_another(*plan))
            return fail(globals, ExitCode::denied, "client.denied", *refused);
    }
    const auto params = params_json(wanted);
    const bool hide = output_style().terminal && !options.reveal;
    std::vector<Client::Call> calls{{"spawn", params}};
    if (hide) calls.push_back({"explain", params});
    const auto outcomes = client->call_all(calls);
    if (!outcomes) return fail(globals, outcomes.error());
    const auto& result = outcomes->front();
    if (!result) return fail(globals, result.error());
    if (!hide) return show(globals, options, *result);

    const auto session = result_as<SpawnResult>(*result);
    if (!session) return fail(globals, session.error());
    return show(globals, options, hide_keys(*session, outcomes->back()));
}

}  // namespace

void add_spawn(CLI::App& app, Invocation& invocation) {
    CLI::App* command =
        app.add_subcommand("spawn", "Write an agent's files and print what to start it with (see also exec)");
    add_examples(*command, "", {"spawn claude --provider zai", "spawn codex --provider minimax --format shell"});
    auto options = std::make_shared<SpawnOptions>();
    add_session_options(*command, options->session, true);
    CLI::Option* format = command->add_option(
        "--format", options->format,
        "json; shell: eval \"$(…)\" becomes the agent; env0: NAME=VALUE of each variable and the words of argv, "
        "each ended by NUL, for a program that reads them; not for env -i, since every user can read arguments");
    takes_one_of(*format, {"json", "shell", "env0"});
    command->add_flag("--reveal", options->reveal, "Show keys on a terminal too (piped output is always complete)");
    run_with(*command, invocation, [options](const Globals& globals) { return run(globals, *options); });
}

}  // namespace capsule
