#include "client/shell.hpp"

#include <algorithm>

namespace capsule {
namespace {

bool is_harmless(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=,@%+").find(c) != std::string_view::npos;
}

}  // namespace

std::string shell_quoted(std::string_view word) {
    // A leading '=' or a '=' in the command's place would mean something to some shells.
    const bool harmless =
        !word.empty() && word.find('=') == std::string_view::npos && std::all_of(word.begin(), word.end(), is_harmless);
    if (harmless) return std::string(word);
    std::string quoted = "'";
    for (const char c : word) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

std::string shell_script(const SpawnResult& session) {
    std::string script;
    if (!session.unset.empty()) {
        script += "unset";
        for (const std::string& name : session.unset)
            script += " " + name;
        script += "\n";
    }
    for (const auto& [name, value] : session.env)
        script += "export " + name + "=" + shell_quoted(value) + "\n";
    script += "exec";
    for (const std::string& word : session.argv)
        script += " " + shell_quoted(word);
    return script + "\n";
}

std::string env0(const SpawnResult& session) {
    std::string words;
    for (const auto& [name, value] : session.env)
        words.append(name).append("=").append(value).push_back('\0');
    for (const std::string& word : session.argv)
        words.append(word).push_back('\0');
    return words;
}

}  // namespace capsule
