#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <thread>

#include "client/commands/brought_words.hpp"
#include "client/commands/command_table.hpp"
#include "client/commands/find_session.hpp"
#include "client/commands/sessions_page.hpp"

namespace capsule {
namespace {

struct SessionsOptions {
    std::string which;  ///< an id or a pid
    bool all = false;
    bool watch = false;
};

struct SessionsAnswer {
    boost::json::value json;
    SessionsListResult typed;
};

ClientResult<SessionsAnswer> ask_sessions(const Globals& globals, bool all) {
    SessionsListParams params;
    if (all) params.all = true;
    auto json = call(globals, "sessions.list", params_json(params));
    if (!json) return json.error();
    auto typed = result_as<SessionsListResult>(*json);
    if (!typed) return typed.error();
    return SessionsAnswer{std::move(*json), std::move(*typed)};
}

/// The one of `answer` that `find` points at, as the daemon gave it.
ExitCode show_one(const Globals& globals, const SessionsAnswer& answer, const SessionRow& session) {
    if (!globals.json) {
        print(session_answer(session, output_style()));
        return ExitCode::done;
    }
    const auto index = static_cast<std::size_t>(&session - answer.typed.sessions.data());
    print_json(answer.json.at("sessions").at(index));
    return ExitCode::done;
}

ExitCode show_named(const Globals& globals, const std::string& which) {
    const auto answer = ask_sessions(globals, true);
    if (!answer) return fail(globals, answer.error());
    if (const SessionRow* session = find_session(answer->typed.sessions, which, parent_process))
        return show_one(globals, *answer, *session);
    const std::string_view hint = hint_for_brought_word("sessions", which);
    return fail(globals, ExitCode::failed, "client.failed",
                {ErrorCode::session_unknown, "there is no session of that id, and none with a process of that pid",
                 hint.empty() ? "\"capsulectl sessions --all\" lists those of the last day" : std::string(hint)});
}

/// Inside a session, and without any word, that one.
ExitCode list_sessions(const Globals& globals, const SessionsOptions& options) {
    const auto answer = ask_sessions(globals, options.all);
    if (!answer) return fail(globals, answer.error());
    if (globals.json) {
        print_json(answer->json);
        return ExitCode::done;
    }
    if (!options.all)
        if (const SessionRow* own =
                own_session(answer->typed.sessions, ::getpid(), process_environment, parent_process))
            return show_one(globals, *answer, *own);
    print(sessions_page(answer->typed, output_style()));
    return ExitCode::done;
}

/// Of the terminal, but for the last one: a line feed there would scroll.
std::size_t rows_of_screen() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2) size.ws_row = 24;
    return size.ws_row - 1U;
}

/// The page in the place of the last one, without a moment in which the screen is empty; what is too long is cut.
std::string in_place(const std::string& page, std::size_t rows) {
    constexpr const char* home = "\033[H";
    constexpr const char* clear_rest_of_line = "\033[K";
    constexpr const char* clear_below = "\033[J";
    std::string text = home;
    std::size_t begin = 0;
    for (std::size_t row = 0; begin < page.size() && row < rows; ++row) {
        const std::size_t end = std::min(page.find('\n', begin), page.size());
        text += page.substr(begin, end - begin) + clear_rest_of_line + "\r\n";
        begin = end + 1;
    }
    return text + clear_below;
}

/// Until Ctrl-C, or the daemon goes.
ExitCode watch_sessions(const Globals& globals, const SessionsOptions& options) {
    constexpr std::chrono::seconds every{1};
    for (;;) {
        const auto answer = ask_sessions(globals, options.all);
        if (!answer) return fail(globals, answer.error());
        const Style style = output_style();
        const bool moves_cursor = style.terminal && process_environment("TERM").value_or("dumb") != "dumb";
        const std::size_t rows = rows_of_screen();
        if (globals.json)
            print_json(answer->json);
        else if (moves_cursor)
            print(in_place(watch_page(answer->typed, style, rows), rows));
        else
            print(sessions_page(answer->typed, style));
        std::this_thread::sleep_for(every);
    }
}

ExitCode end_session(const Globals& globals, const std::string& id) {
    const auto page = [](const SessionRow& row) { return paragraph(session_end_text(row), output_style()); };
    return call_and_print<SessionRow>(globals, "sessions.end", params_json(SessionsEndParams{id}), page);
}

ExitCode run_sessions(const Globals& globals, const SessionsOptions& options) {
    if (!options.which.empty()) return show_named(globals, options.which);
    return options.watch ? watch_sessions(globals, options) : list_sessions(globals, options);
}

}  // namespace

void add_sessions(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("sessions", "The sessions that live, and what each of them did");
    add_examples(
        *command,
        "With ID, that session in six lines: where its requests go, why, and with which key. Inside a session that\n"
        "\"exec\" started, the same of that session where nothing else is said.\n"
        "STATE is live, running (a request is under way), ended, or why the provider refused the last request:\n"
        "window or week (its quota is used up), plan, model, balance, key, busy.",
        {"sessions --all", "sessions abcdefghij", "sessions end abcdefghij"});
    auto options = std::make_shared<SessionsOptions>();
    CLI::Option* which = command->add_option("ID", options->which, "Of a session, or the pid of one of its processes");
    which->type_name("");
    command->add_flag("--all", options->all, "Those that ended within the last day (of them the last 1000), too")
        ->excludes(which);
    command->add_flag("--watch", options->watch, "Anew every second, until Ctrl-C")->excludes(which);
    command->require_subcommand(0, 1);
    CLI::App* list = command->add_subcommand("list", "All of them (what \"sessions\" alone does)")->alias("ls");
    add_examples(*list, "", {"sessions list", "sessions list --all"});
    list->add_flag("--all", options->all, "Those that ended within the last day (of them the last 1000), too");
    run_with(*list, invocation, [options](const Globals& globals) { return list_sessions(globals, *options); });
    CLI::App* ending = command->add_subcommand("end", "End a session: what was given to it is worth nothing any more");
    add_examples(*ending, "", {"sessions end abcdefghij", "--json sessions end abcdefghij"});
    auto id = std::make_shared<std::string>();
    ending->add_option("ID", *id, "As the list has it")->required()->type_name("");
    run_with(*ending, invocation, [id](const Globals& globals) { return end_session(globals, *id); });
    // A subcommand's action, set first, is the one that counts.
    command->callback([command, options, &invocation] {
        if (!command->get_subcommands().empty()) return;
        invocation.action = [options, &invocation] { return run_sessions(invocation.globals, *options); };
    });
}

}  // namespace capsule
