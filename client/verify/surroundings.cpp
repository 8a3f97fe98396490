#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>

#include "client/verify/agents/agent.hpp"
#include "client/verify/moved_homes.hpp"
#include "client/verify/start.hpp"
#include "protocol/json_tree.hpp"
#include "protocol/trusted_path.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr off_t largest_copied_file = 4 * 1024 * 1024;

/// None where it is no regular file, or too large: it may be replaced by a FIFO at any time, so that is asked of what
/// was opened.
std::optional<std::string> text_of(const fs::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    struct stat status {};
    const bool good = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= largest_copied_file;
    std::string text(good ? static_cast<std::size_t>(status.st_size) : 0, '\0');
    const ssize_t count = good ? ::read(file, text.data(), text.size()) : -1;
    ::close(file);
    if (count < 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(count));
    return text;
}

/// A new file. The agents' user, whom this process is, may have put a FIFO or a link in its place: that is not opened.
void write(const fs::path& path, std::string_view text) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    ::unlink(path.c_str());
    const int file =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (file < 0) return;
    while (!text.empty()) {
        const ssize_t count = ::write(file, text.data(), text.size());
        if (count <= 0) break;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    ::close(file);
}

/// "ANTHROPIC_AUTH_TOKEN", "apiKey", "api_key", "key"
bool holds_key(std::string_view name) {
    return names_a_secret(name) || name == "headers" || name == "http_headers";
}

void replace_keys(json::value& value, const std::string& dummy_key) {
    if (auto* array = value.if_array()) {
        for (auto& element : *array)
            replace_keys(element, dummy_key);
    } else if (auto* object = value.if_object()) {
        for (auto& member : *object) {
            if (member.value().is_string() && holds_key(member.key())) {
                member.value() = dummy_key;
            } else if (member.value().is_object() && holds_key(member.key())) {
                member.value() = json::object{};
            } else {
                replace_keys(member.value(), dummy_key);
            }
        }
    }
}

/// A JSON text with its keys replaced; nothing when it is no JSON (with comments, say), since keys might hide there.
std::string without_keys_json(const std::string& text, const std::string& dummy_key) {
    auto value = parse_json(text, {.comments = true});
    if (!value) return "";
    replace_keys(*value, dummy_key);
    return json::serialize(*value);
}

/// TOML, or any text of lines: those that assign to a name of a key are left out.
std::string without_keys_lines(const std::string& text) {
    std::istringstream lines(text);
    std::string kept;
    for (std::string line; std::getline(lines, line);) {
        const auto name = line.substr(0, line.find('='));
        const bool harmless = name.find("env_key") != std::string::npos;  // a variable's name
        if (harmless || !holds_key(name.substr(0, name.find_last_not_of(" \t\"") + 1))) kept += line + "\n";
    }
    return kept;
}

void copy_file(const fs::path& from, const fs::path& to, const std::string& dummy_key) {
    const auto text = text_of(from);
    if (!text) return;
    const auto extension = from.extension();
    if (extension == ".json" || extension == ".jsonc") {
        if (const auto clean = without_keys_json(*text, dummy_key); !clean.empty()) write(to, clean);
    } else {
        write(to, without_keys_lines(*text));
    }
}

/// Directories of definitions (agents, commands): text files only, one level deep. Nobody has as many of them.
void copy_directory(const fs::path& from, const fs::path& to, const std::string& dummy_key) {
    constexpr std::size_t most_files = 1000;
    std::size_t files = 0;
    std::error_code error;
    for (auto at = fs::directory_iterator(from, error); !error && at != fs::directory_iterator() && files < most_files;
         at.increment(error), ++files)
        copy_file(at->path(), to / at->path().filename(), dummy_key);
}

/// What an agent leaves in its scratch home is some hundred files. One that goes on making them is not followed.
constexpr int most_entries = 100'000;
int entries_removed = 0;

int remove_entry(const char* path, const struct stat*, int, struct FTW*) {
    if (++entries_removed > most_entries) return 1;  // the walk ends
    ::remove(path);
    return 0;
}

/// Where fs::temp_directory_path() would look. Nothing is looked at here.
fs::path place_of_temporary_files() {
    std::error_code ignored;
    for (const char* name : {"TMPDIR", "TMP", "TEMP", "TEMPDIR"})
        if (const char* value = std::getenv(name)) return fs::absolute(value, ignored);
    return "/tmp";
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
    std::error_code error;
    // First: what another user has mounted may let those wait who look whether it is a directory.
    const fs::path named = place_of_temporary_files();
    if (const auto unsafe = ::geteuid() == 0 ? untrusted_component(named.string()) : std::nullopt)
        throw Failure({ErrorCode::io_error,
                       "TMPDIR " + named.string() + " is no place for root: " + unsafe->component + " " + unsafe->why,
                       "set TMPDIR to a directory that only root can change, or unset it"});
    const fs::path place = fs::temp_directory_path(error);
    if (error)
        throw Failure({ErrorCode::io_error, "TMPDIR names no directory: " + place.string(),
                       "set TMPDIR to a directory that you can write to, or unset it"});
    std::string name = (place / "capsule-verify-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw Failure({ErrorCode::io_error,
                       "cannot make a directory in " + place.string() + ": " + std::generic_category().message(errno),
                       "make room there, make it writable, or set TMPDIR"});
    path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
    constexpr int open_at_once = 16;
    entries_removed = 0;
    ::nftw(path_.c_str(), remove_entry, open_at_once, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (entries_removed > most_entries)
        std::fprintf(stderr, "capsulectl: %s is left: the agent has made more than %d files there\n", path_.c_str(),
                     most_entries);
}

void copy_configuration(const ExplainResult& plan, const fs::path& temporary_home, const std::string& dummy_key) {
    std::map<std::string, std::string> env;
    for (const auto& each : plan.env)
        env[each.name] = each.value;
    const MovedHomes homes(env, temporary_home.string());
    if (const TrialAgent* agent = trial_agent(plan.agent))
        agent->copy_configuration(
            {[&](const std::string& path) { return fs::path(homes.real(path)); },
             [&](const std::string& path) { copy_file(homes.real(path), temporary_home / path, dummy_key); },
             [&](const std::string& path) { copy_directory(homes.real(path), temporary_home / path, dummy_key); }});
    for (const auto& file : plan.files) {
        // Files that the user's own text shares (config.toml, opencode.json) were copied, and the pins need neither.
        const bool ours_alone = file.path.ends_with(".models.json") || file.path.ends_with(".config.toml");
        // The user's own files, which lie elsewhere, are not written.
        const auto there = homes.moved(file.path);
        if (file.content && ours_alone && there) write(*there, *file.content);
    }
}

void write_project(const fs::path& project, std::uint16_t port) {
    const std::string url = "http://127.0.0.1:" + std::to_string(port) + std::string(project_path);
    for (const TrialAgent* agent : trial_agents()) {
        const auto [path, text] = agent->project_file(url);
        write(project / path, text);
    }
}

}  // namespace capsule
