// words KIND: what completion offers, one word a line. It is for the completion scripts, so --help does not list it.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <boost/json/object.hpp>

#include "client/commands/command_table.hpp"

namespace capsule {
namespace {

/// A shell expands the words that it is offered: what it could take for more than a name is left out.
bool is_plain(const std::string& word) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+/@";
    return !word.empty() && word.front() != '-' && word.find_first_not_of(plain) == word.npos;
}

std::vector<std::string> sessions(Client& client) {
    std::vector<std::string> ids;
    if (const auto list = client.sessions_list({}))
        for (const SessionRow& session : list->sessions)
            ids.push_back(session.id);
    return ids;
}

std::vector<std::string> names(Client& client, const std::string& kind) {
    const auto result = client.call("names.list", boost::json::object());
    if (!result) return {};
    const auto names = result_as<NamesListResult>(*result);
    if (!names) return {};
    if (kind == "providers") return names->providers;
    if (kind == "models") return names->models;
    return kind == "workspaces" ? names->workspaces : names->roles;
}

/// Silent where there is nothing to offer: a person is in the middle of a line.
ExitCode run(const Globals& globals, const std::string& kind) {
    auto client = connect(globals);
    if (!client) return ExitCode::done;
    std::string text;
    for (const std::string& word : kind == "sessions" ? sessions(*client) : names(*client, kind))
        if (is_plain(word)) text += word + "\n";
    print(text);
    return ExitCode::done;
}

}  // namespace

void add_words(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("words", "What completion offers");
    command->group("");
    add_examples(*command, "", {"words providers", "words models"});
    auto kind = std::make_shared<std::string>();
    takes_one_of(*command->add_option("KIND", *kind, "What to list")->required(),
                 {"providers", "models", "workspaces", "roles", "sessions"});
    run_with(*command, invocation, [kind](const Globals& globals) { return run(globals, *kind); });
}

}  // namespace capsule
