#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/become.hpp"
#include "client/commands/choose.hpp"
#include "client/commands/command_table.hpp"
#include "client/commands/session_options.hpp"

namespace capsule {
namespace {

struct Options {
    SessionOptions session;
    bool no_title = false;
};

/// The connection is closed when this returns: the agent does not inherit it.
ClientResult<SpawnResult> ask_session(const Globals& globals, const SpawnParams& params) {
    auto client = connect(globals);
    if (!client) return client.error();
    return client->spawn(params);
}

ExitCode code_of(const Error& error) {
    return error.code == ErrorCode::access_denied ? ExitCode::denied : ExitCode::failed;
}

ExitCode refuse(const Globals& globals, const Error& error) {
    const ExitCode code = code_of(error);
    return fail(globals, code, code == ExitCode::denied ? "client.denied" : "client.failed", error);
}

void set_title(const SpawnResult& session) {
    if (::isatty(STDOUT_FILENO) == 0) return;
    const auto type = session.env.find("TERM");
    print(title_sequence(session.tab_label, type == session.env.end() ? "" : type->second));
}

ExitCode run(const Globals& globals, const Options& options, const std::vector<std::string>& arguments) {
    SpawnParams params = session_params(options.session);
    const auto asked = choose(globals, params);
    if (const auto* ended = std::get_if<ExitCode>(&asked)) return *ended;
    auto session = ask_session(globals, params);
    if (!session) return fail(globals, session.error());
    if (std::get<Asked>(asked) == Asked::yes) remember(*session, params.cwd);
    print_warnings(session->warnings);
    if (session->argv.empty())
        return refuse(globals, {ErrorCode::internal_error, "the daemon named no program to start",
                                "are daemon and capsulectl of the same version?"});
    session->argv.insert(session->argv.end(), arguments.begin(), arguments.end());

    if (auto done = become_user(session->user); !done) return refuse(globals, done.error());
    // Looked up as the session's user, who must be able to run it.
    const auto path = session->env.find("PATH");
    const auto program = find_program(session->argv.front(), path == session->env.end() ? "" : path->second);
    if (!program) return refuse(globals, program.error());
    if (!options.no_title) set_title(*session);
    return refuse(globals, become_program(*program, *session));
}

}  // namespace

void add_exec(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("exec", "Become the agent: its user, its environment, its arguments");
    command->footer(
        "On a terminal, AGENT and --provider are chosen from a list where they are left out and there is a choice.\n"
        "What follows AGENT and our own options goes to the agent; \"--\" separates where it would be ours.\n"
        "The daemon is offered the caller's variables, except those whose names look like keys (GH_TOKEN is offered),\n"
        "and passes on what its allowlist has.");
    auto options = std::make_shared<Options>();
    add_session_options(*command, options->session, false);
    command->add_flag("--no-title", options->no_title, "Leave the terminal's title alone");
    run_with(*command, invocation, [options, &invocation](const Globals& globals) {
        return run(globals, *options, invocation.agent_arguments);
    });
}

}  // namespace capsule
