#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "client/commands/become.hpp"
#include "client/commands/choose.hpp"
#include "client/commands/command_table.hpp"
#include "client/commands/roots_environment.hpp"
#include "client/commands/session_options.hpp"
#include "client/terminal/descriptors.hpp"
#include "client/terminal/own_terminal.hpp"

namespace capsule {
namespace {

struct Options {
    SessionOptions session;
    bool no_title = false;
    bool choose = false;
    std::vector<int> kept;  ///< --keep-fd
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

/// As the session's user, whose directory it is.
Result<void> enter(const std::optional<std::string>& directory) {
    if (!directory || ::chdir(directory->c_str()) == 0) return {};
    return Error{ErrorCode::io_error, "cannot start in " + *directory + ": " + std::generic_category().message(errno),
                 "the session's user must be able to enter it"};
}

/// Becomes the session's user and the program: only returns when that fails.
ExitCode start(const Globals& globals, const Options& options, const SpawnResult& session) {
    close_others(options.kept);
    forget_environment();
    if (auto done = become_without_privileges(session.user, session.privileges == "keep"); !done)
        return refuse(globals, done.error());
    if (auto entered = enter(options.session.params.cwd); !entered) return refuse(globals, entered.error());
    // Looked up as the session's user, who must be able to run it.
    const auto path = session.env.find("PATH");
    const auto program = find_program(session.argv.front(), path == session.env.end() ? "" : path->second);
    if (!program) return refuse(globals, program.error());
    if (!options.no_title) set_title(session);
    return refuse(globals, become_program(*program, session));
}

ExitCode start_on_own_terminal(const Globals& globals, const Options& options, SpawnResult& session) {
    OwnTerminalTask task;
    task.owner = session.user.uid;
    task.kept = options.kept;
    task.program = [&] { return static_cast<int>(start(globals, options, session)); };
    task.forget = [&] { session = {}; };  // freed memory is zeroed, see CMakeLists.txt
    const auto status = run_on_own_terminal(std::move(task));
    if (!status) return refuse(globals, status.error());
    return static_cast<ExitCode>(end_alike(*status));
}

/// Only returns where that fails, or when the session has ended on its own terminal.
ExitCode become_session(const Globals& globals, const Options& options, SpawnResult& session) {
    if (auto checked = check_sockets(options.kept, session.user.uid); !checked) return refuse(globals, checked.error());
    print_warnings(leave_out_what_others_change(session.env, session.user));
    const bool becomes_another = ::geteuid() == 0 && session.user.uid != 0;
    if (becomes_another) replace_names_of_terminals(options.kept);
    if (becomes_another && has_terminal(options.kept)) return start_on_own_terminal(globals, options, session);
    return start(globals, options, session);
}

ExitCode run(const Globals& globals, const Options& options, const std::vector<std::string>& arguments) {
    if (auto open = check_open(options.kept); !open)
        return fail(globals, ExitCode::usage, "client.usage", open.error());
    fill_standard_descriptors();
    SpawnParams params = session_params(options.session);
    const auto asked = choose(globals, params, options.choose);
    if (const auto* ended = std::get_if<ExitCode>(&asked)) return *ended;
    // This process becomes the agent, or waits for it.
    params.ends_with = "caller";
    // Nobody else can become another user. Whose session it is need not be asked then.
    const bool may_be_anothers = ::geteuid() == 0;
    if (auto done = may_be_anothers ? leave_out_own_login(globals, options.session, params) : ClientResult<void>();
        !done)
        return fail(globals, done.error());
    auto session = ask_session(globals, params);
    if (!session) return fail(globals, session.error());
    if (std::get<Asked>(asked) == Asked::yes) remember(*session, params.cwd);
    // A program that is missing is the error that follows.
    std::erase_if(session->warnings, [](const Warning& warning) { return warning.code == "agent.missing"; });
    print_warnings(session->warnings);
    print_warnings(not_passed(options.session, session->dropped));
    if (session->argv.empty())
        return refuse(globals, {ErrorCode::internal_error, "the daemon named no program to start",
                                "are daemon and capsulectl of the same version?"});
    session->argv.insert(session->argv.end(), arguments.begin(), arguments.end());

    params = {};

    return become_session(globals, options, *session);
}

/// The user whom docker/Dockerfile makes for the sessions. None: this is no container of that image.
std::optional<SessionUser> images_user() {
    const passwd* found = ::getpwnam("agent");
    if (found == nullptr) return std::nullopt;
    SessionUser user{found->pw_name, found->pw_uid, found->pw_gid, {}};
    int count = 0;
    ::getgrouplist(user.name.c_str(), user.gid, nullptr, &count);
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    ::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count);
    user.groups.assign(groups.begin(), groups.end());
    return user;
}

/// A program as the image's user of sessions, with this process's environment and without a daemon, but as exec does
/// it. Whom it runs as cannot be chosen: a rule of sudo's may let somebody run capsulectl as root.
ExitCode run_as_agent(const Globals& globals, const std::vector<std::string>& words) {
    fill_standard_descriptors();
    const auto user = images_user();
    if (!user || words.empty())
        return fail(globals, ExitCode::usage, "client.usage",
                    {ErrorCode::invalid_params, user ? "no program is named" : "there is no user \"agent\"",
                     "as-agent is for the image's entrypoint"});
    SpawnResult session;
    session.user = *user;
    session.argv = words;
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        const std::string_view variable = *entry;
        const auto end = variable.find('=');
        if (end != variable.npos) session.env.emplace(variable.substr(0, end), variable.substr(end + 1));
    }
    Options options;
    options.no_title = true;
    return become_session(globals, options, session);
}

std::string check_descriptor(const std::string& text) {
    constexpr int first = 3, largest = 1'048'575;  // 0, 1 and 2 are always kept; no kernel opens more by default
    int number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool good = failed == std::errc() && end == text.data() + text.size() && number >= first && number <= largest;
    return good ? "" : "expected a descriptor's number, from 3 on";
}

}  // namespace

void add_exec(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("exec", "Become the agent: its user, its environment, its arguments");
    add_examples(
        *command,
        "On a terminal, AGENT and --provider are chosen from a list where they are left out and there is a choice.\n"
        "Where capsule.toml has a default provider for the agent, that is taken; --choose shows the list.\n"
        "What follows \"--\" goes to the agent.\n"
        "The daemon is offered the caller's variables, except those whose names look like keys (GH_TOKEN is offered),\n"
        "and passes on what its allowlist has.",
        {"exec claude --provider zai", "exec codex --provider minimax -- exec --skip-git-repo-check \"say hi\""});
    auto options = std::make_shared<Options>();
    add_session_options(*command, options->session, false);
    command->add_flag("--choose", options->choose, "Show the list of providers though a default is configured")
        ->excludes("--provider");
    command->add_flag("--no-title", options->no_title, "Leave the terminal's title alone");
    command
        ->add_option("--keep-fd", options->kept, "A descriptor besides 0, 1 and 2 for the agent; all others are closed")
        ->type_name("N")
        ->check(CLI::Validator(check_descriptor, ""))
        ->expected(1)
        ->take_all();
    run_with(*command, invocation, [options, &invocation](const Globals& globals) {
        return run(globals, *options, invocation.agent_arguments);
    });
}

void add_as_agent(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("as-agent", "Run a program as the image's user of sessions");
    command->group("");  // hidden: docker/entrypoint.sh gives it
    add_examples(*command, "", {"as-agent -- /bin/bash -l"});
    run_with(*command, invocation,
             [&invocation](const Globals& globals) { return run_as_agent(globals, invocation.agent_arguments); });
}

}  // namespace capsule
