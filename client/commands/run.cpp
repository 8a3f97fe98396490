#include "client/commands/run.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>

#include "client/commands/command_table.hpp"
#include "client/commands/split_exec.hpp"
#include "client/commands/usage_error.hpp"
#include "protocol/help_text.hpp"

namespace capsule {

namespace {

/// "help COMMAND" is "COMMAND --help", with options before it too.
std::vector<std::string> with_help_as_option(std::vector<std::string> words) {
    std::size_t at = 0;
    while (at < words.size() && words[at].starts_with('-'))
        at += words[at] == "--socket" ? 2 : 1;
    if (at >= words.size() || words[at] != "help") return words;
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
    words.emplace_back("--help");
    return words;
}

/// The terminal's, else what COLUMNS says, which the manual page is made with; 0: lines stay as they are.
std::size_t help_width() {
    const Style style = output_style();
    if (style.terminal) return style.width;
    std::size_t width = 0;
    const std::string columns = process_environment("COLUMNS").value_or("");
    std::from_chars(columns.data(), columns.data() + columns.size(), width);
    return width;
}

}  // namespace

ExitCode run_capsulectl(const std::vector<std::string>& given) {
    const std::vector<std::string> words = with_help_as_option(given);
    Invocation invocation;
    CLI::App app{"", "capsulectl"};
    add_commands(app, invocation);
    auto [own, agent_arguments] = split_exec(words, app);
    invocation.agent_arguments = std::move(agent_arguments);
    try {
        app.parse(std::vector<std::string>(own.rbegin(), own.rend()));  // CLI11 wants them reversed
    } catch (const CLI::Success& asked) {                               // --help, --version
        if (const auto unknown = command_without_help(app))
            return fail(invocation.globals, ExitCode::usage, "client.usage", *unknown);
        std::ostringstream text;
        app.exit(asked, text, text);
        print(help_text(text.str(), help_width()));
        return ExitCode::done;
    } catch (const CLI::ParseError& error) {
        invocation.globals.json = std::find(own.begin(), own.end(), "--json") != own.end();
        return fail(invocation.globals, ExitCode::usage, "client.usage", usage_error(app, own, error));
    }
    return invocation.action();
}

}  // namespace capsule
