#include "client/commands/split_exec.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

namespace capsule {
namespace {

bool looks_like_option(const std::string& word) {
    return word.size() > 1 && word.front() == '-';
}

/// How many words the option takes, itself included.
std::size_t words_of(const CLI::Option& option, const std::string& word) {
    const bool value_follows = option.get_items_expected_min() > 0 && word.find('=') == std::string::npos;
    return value_follows ? 2 : 1;
}

}  // namespace

SplitCommandLine split_exec(const std::vector<std::string>& words, const CLI::App& app) {
    std::size_t at = 0;
    while (at < words.size() && looks_like_option(words[at])) {
        if (words[at] == "--") return {words, {}};
        const CLI::Option* option = app.get_option_no_throw(words[at].substr(0, words[at].find('=')));
        at += option != nullptr ? words_of(*option, words[at]) : 1;
    }
    if (at >= words.size() || (words[at] != "exec" && words[at] != "as-agent")) return {words, {}};
    const auto separator = std::find(words.begin() + static_cast<std::ptrdiff_t>(at), words.end(), "--");
    if (separator == words.end()) return {words, {}};
    return {{words.begin(), separator}, {separator + 1, words.end()}};
}

}  // namespace capsule
