#include "client/commands/usage_error.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cctype>

#include "client/commands/brought_words.hpp"
#include "protocol/agents.hpp"
#include "protocol/nearest.hpp"

namespace capsule {
namespace {

constexpr std::size_t longest_shown = 24;  ///< characters of a word that may be repeated: keys are longer

Error invalid(std::string message, std::string hint) {
    return {ErrorCode::invalid_params, std::move(message), std::move(hint)};
}

/// The innermost command that was recognised.
const CLI::App& innermost(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? app : innermost(*chosen.front());
}

std::string path_of(const CLI::App& command) {
    return command.get_parent() == nullptr ? "capsulectl" : path_of(*command.get_parent()) + " " + command.get_name();
}

/// "auth set" of that command, empty for capsulectl itself.
std::string words_before(const CLI::App& command) {
    return command.get_parent() == nullptr ? "" : path_of(command).substr(path_of(command).find(' ') + 1);
}

/// As an operator's own provider cannot be known here, of the built-in ones.
std::optional<std::string_view> provider_meant(std::string_view word) {
    return nearest(word, {"anthropic", "openai", "zai", "minimax", "kimi"});
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& names, const std::string& otherwise) {
    const auto near = nearest(word, {names.begin(), names.end()});
    return near ? "did you mean \"" + std::string(*near) + "\"?" : otherwise;
}

std::vector<std::string> option_names(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::App* app = &command; app != nullptr; app = app->get_parent())
        for (const CLI::Option* option : app->get_options())
            for (const std::string& name : option->get_lnames())
                names.push_back("--" + name);
    return names;
}

std::vector<std::string> command_names(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::App* each : command.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); }))
        names.push_back(each->get_name());
    return names;
}

/// A word of exec's that is none of ours: an option, or the agent's, but for the "--".
Error about_exec(const std::string& extra) {
    const std::string separator = "What is for the agent stands after \"--\": capsulectl exec AGENT -- ARGUMENTS";
    if (extra.size() > longest_shown) return invalid("exec takes one AGENT and options", separator);
    const auto provider = provider_meant(extra);
    const std::string meant = provider ? "Did you mean --provider " + std::string(*provider) + "? " : "";
    return invalid("exec takes one AGENT: \"" + extra + "\" is one word too many", meant + separator);
}

Error key_as_argument() {
    return invalid(
        "a key is never given as an argument: other users see it in the process list, and the shell keeps it in its "
        "history",
        "run \"capsulectl auth set PROVIDER\" and type it at the prompt, or pipe it in");
}

Error about_option(const CLI::App& command, const std::string& extra, const std::string& help) {
    const std::string name = extra.substr(0, extra.find('='));
    const std::string path = path_of(command);
    if (const auto hint = hint_for_brought_option(words_before(command), name); !hint.empty())
        return invalid("unknown option " + name, std::string(hint));
    // "-sk-…", a key pasted after a dash, is no option either.
    const std::string otherwise = path == "capsulectl exec" ? about_exec(extra).hint + "; " + help : help;
    if (extra.starts_with("--") && name.size() <= longest_shown)
        return invalid("unknown option " + name, did_you_mean(name, option_names(command), otherwise));
    return invalid("unknown option" + (extra.size() == 2 ? " " + extra : ""), otherwise);
}

/// What an unknown word after `command` was meant to be; `otherwise` where it says nothing.
std::string meaning_of(const CLI::App& command, std::string word, const std::string& otherwise) {
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string before = words_before(command);
    if (const auto hint = hint_for_brought_word(before, word); !hint.empty()) return std::string(hint);
    if (before.empty() && agent_named(word)) return "did you mean \"capsulectl exec " + word + "\"?";
    if (std::string near = did_you_mean(word, command_names(command), ""); !near.empty()) return near;
    if (const auto provider = provider_meant(word)) {
        const std::string id(*provider);
        if (before.empty()) return "did you mean \"capsulectl exec AGENT --provider " + id + "\"?";
        if (before == "auth") return "did you mean \"capsulectl auth set " + id + "\"?";
    }
    return otherwise;
}

/// The words that nothing took. What is not plainly a name may be a key, so it is not repeated.
Error about_extras(const CLI::App& command, const std::string& extra, const std::string& help) {
    if (extra.starts_with('-')) return about_option(command, extra, help);
    const std::string path = path_of(command);
    if (path == "capsulectl exec") return about_exec(extra);
    if (path == "capsulectl auth set") return key_as_argument();
    if (path == "capsulectl auth list")
        return invalid("too many arguments", "\"auth list\" shows every provider's key");
    if (path == "capsulectl sessions") {
        // The first word was taken for an ID.
        const auto taken = command.get_option("ID")->results();
        const std::string word = taken.empty() ? extra : taken.front();
        return invalid("too many arguments", meaning_of(command, word, help));
    }
    if (!command_names(command).empty() && extra.size() <= longest_shown)
        return invalid("unknown command \"" + extra + "\"", meaning_of(command, extra, help));
    const auto provider = provider_meant(extra);
    if (provider && command.get_option_no_throw("--provider") != nullptr)
        return invalid("\"" + extra + "\" is one word too many",
                       "did you mean --provider " + std::string(*provider) + "?");
    return invalid("too many arguments", help);
}

/// What CLI11 says of one option or argument, in other words.
Error about_one(const CLI::ParseError& error, const std::string& help) {
    const std::string said = error.what();
    const int kind = error.get_exit_code();
    if (kind == static_cast<int>(CLI::ExitCodes::RequiredError))
        return invalid(said.substr(0, said.find(' ')) + " is missing", help);
    if (kind == static_cast<int>(CLI::ExitCodes::ArgumentMismatch))
        return invalid(said.substr(0, said.find(':')) + " needs a value after it", help);
    constexpr std::string_view excludes = " excludes ";
    if (const std::size_t at = said.find(excludes);
        kind == static_cast<int>(CLI::ExitCodes::ExcludesError) && at != said.npos)
        return invalid(said.substr(0, at) + " and " + said.substr(at + excludes.size()) + " say different things",
                       "leave one of them out; " + help);
    if (kind == static_cast<int>(CLI::ExitCodes::ConversionError) ||
        kind == static_cast<int>(CLI::ExitCodes::InvalidError))
        return invalid("an option's value is not understood", help);
    return invalid(said, help);
}

}  // namespace

Error usage_error(const CLI::App& app, const std::vector<std::string>& words, const CLI::ParseError& error) {
    const CLI::App& command = innermost(app);
    const std::string help = "see \"" + path_of(command) + " --help\"";
    if (words.empty())
        return invalid("a command is missing", "see \"capsulectl --help\"; a good start is \"capsulectl status\"");
    // By its code: CLI11 gives an ExtrasError the command's name. Its text holds the words, so it is not shown.
    const int kind = error.get_exit_code();
    const bool is_extra = kind == static_cast<int>(CLI::ExitCodes::ExtrasError);
    if (is_extra || kind == static_cast<int>(CLI::ExitCodes::RequiredError)) {
        const auto extras = app.remaining(true);
        const auto first = std::find_if(extras.begin(), extras.end(), [](const auto& word) { return word != "--"; });
        if (first != extras.end()) return about_extras(command, *first, help);
        if (is_extra) return invalid("too many arguments", help);
        if (!command_names(command).empty()) return invalid("a command is missing after " + path_of(command), help);
    }
    return about_one(error, help);
}

std::optional<Error> command_without_help(const CLI::App& app) {
    const CLI::App& command = innermost(app);
    if (command_names(command).empty()) return std::nullopt;  // a command that leads to none: its help is meant
    for (const std::string& extra : app.remaining(true))
        if (!extra.starts_with('-')) return about_extras(command, extra, "see \"" + path_of(command) + " --help\"");
    return std::nullopt;
}

}  // namespace capsule
