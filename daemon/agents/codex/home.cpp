#include "daemon/agents/codex/home.hpp"

#include <algorithm>
#include <unordered_set>

#include "daemon/agents/codex/config_file.hpp"

namespace capsule {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;

bool is_part_of_a_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// Whether Codex looks for its login in auth.json at all: the keyring and its own memory are other places. The file
/// that an administrator manages outranks the home's, and that one the machine's.
bool reads_auth_json(const CodexHome& home, const std::string& config_toml) {
    for (const std::string& path : {std::string(codex_managed_file), config_toml, std::string(codex_system_file)}) {
        const auto file = home.provider_files.find(path);
        if (file == home.provider_files.end()) continue;
        const std::string store = read_codex_settings(file->second->parsed).credentials_store;
        if (!store.empty()) return store == "file" || store == "auto";
    }
    return true;
}

}  // namespace

std::vector<std::string> dotenv_words(std::string_view text) {
    std::vector<std::string> words;
    std::unordered_set<std::string_view> seen;  // the file is the user's, and may have no end of them
    for (const char* at = text.begin(); at != text.end();) {
        const char* start = std::find_if(at, text.end(), is_part_of_a_word);
        at = std::find_if_not(start, text.end(), is_part_of_a_word);
        const std::string_view word(start, at);
        if (!word.empty() && seen.insert(word).second) words.emplace_back(word);
    }
    return words;
}

std::string codex_auth_json(const SessionHome& home) {
    return home.codex_directory() + "/auth.json";
}

std::any look_at_codex_home(const SessionHome& home, const HomeReader& reader) {
    const std::string directory = home.codex_directory();
    CodexHome found;
    const auto read = [&](const std::string& path) {
        const auto text = reader.text(path, largest_file);
        return text ? found.provider_files[path] = std::make_shared<const CodexConfigFile>(*text) : nullptr;
    };
    found.config_file = read(directory + "/config.toml");
    for (const std::string_view path : codex_machine_files)
        read(std::string(path));
    found.auth_json = reads_auth_json(found, directory + "/config.toml") && reader.is_file(codex_auth_json(home));
    if (found.config_file) found.settings = read_codex_settings(found.config_file->parsed);
    if (const auto dotenv = reader.text(directory + "/.env", largest_file)) found.dotenv_words = dotenv_words(*dotenv);
    return found;
}

}  // namespace capsule
