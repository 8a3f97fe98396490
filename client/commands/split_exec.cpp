#include "client/commands/split_exec.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace capsule {
namespace {

bool looks_like_option(const std::string& word) {
    return word.size() > 1 && word.front() == '-';
}

/// The option that `word` names, in `command` or among the global ones; nullptr: none of ours.
const CLI::Option* option_of(const std::string& word, const CLI::App& app, const CLI::App* command) {
    const std::string name = word.substr(0, word.find('='));
    const CLI::Option* option = command != nullptr ? command->get_option_no_throw(name) : nullptr;
    return option != nullptr ? option : app.get_option_no_throw(name);
}

/// How many words the option takes, itself included.
std::size_t words_of(const CLI::Option& option, const std::string& word) {
    const bool value_follows = option.get_items_expected_min() > 0 && word.find('=') == std::string::npos;
    return value_follows ? 2 : 1;
}

}  // namespace

SplitCommandLine split_exec(const std::vector<std::string>& words, const CLI::App& app) {
    const CLI::App* exec = nullptr;
    bool has_agent = false;
    std::size_t at = 0;
    while (at < words.size()) {
        const std::string& word = words[at];
        if (word == "--") break;
        if (looks_like_option(word)) {
            const CLI::Option* option = option_of(word, app, exec);
            if (option == nullptr) break;
            at += words_of(*option, word);
        } else if (exec == nullptr) {
            if (word != "exec") return {words, {}};
            exec = app.get_subcommand("exec");
            ++at;
        } else {
            if (has_agent) break;
            has_agent = true;
            ++at;
        }
    }
    if (exec == nullptr || at >= words.size()) return {words, {}};
    const auto split = words.begin() + static_cast<std::ptrdiff_t>(at);
    return {{words.begin(), split}, {words[at] == "--" ? split + 1 : split, words.end()}};
}

}  // namespace capsule
