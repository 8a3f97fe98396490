#include "client/commands/pager.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "client/commands/command.hpp"
#include "protocol/safe_path.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

/// Where root's pager may be.
constexpr std::array<std::string_view, 2> roots_directories{"/usr/bin", "/bin"};
/// And what it may be: it shows a text, and starts nothing that is not asked for at the keyboard.
constexpr std::array<std::string_view, 2> roots_pagers{"less", "more"};
/// less: ends at once where the text fits (F), shows colours (R), leaves the text on the screen (X).
constexpr const char* less_options = "LESS=FRX";

std::vector<std::string> pager_words(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

bool can_be_run(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::optional<std::string> pager_in_path(const std::string& name, std::string_view path) {
    if (name.find('/') != std::string::npos) return can_be_run(name) ? std::optional(name) : std::nullopt;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find(':'), path.size());
        const std::string candidate = std::string(path.substr(0, end)) + "/" + name;
        // A relative entry would start what the current directory, a repository perhaps, has by that name.
        if (candidate.starts_with('/') && can_be_run(candidate)) return candidate;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return std::nullopt;
}

std::optional<std::string> in_roots_directories(const std::string& name) {
    for (const std::string_view directory : roots_directories) {
        const std::string program = std::string(directory) + "/" + name;
        if (can_be_run(program) && !who_else_can_change(std::string(directory), {})) return program;
    }
    return std::nullopt;
}

/// `chosen` without the directory, where that is root's and root may have it; else less.
std::string roots_choice(std::string chosen) {
    for (const std::string_view directory : roots_directories)
        if (const std::string prefix = std::string(directory) + "/"; chosen.starts_with(prefix))
            chosen.erase(0, prefix.size());
    return std::ranges::find(roots_pagers, chosen) == roots_pagers.end() ? "less" : chosen;
}

/// SIGINT and SIGQUIT are the pager's while it runs, and one that was left early is no reason to end by SIGPIPE.
class PagersSignals {
  public:
    PagersSignals() {
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        for (std::size_t i = 0; i < signals.size(); ++i)
            ::sigaction(signals[i], &ignore, &before_[i]);
    }
    ~PagersSignals() {
        for (std::size_t i = 0; i < signals.size(); ++i)
            ::sigaction(signals[i], &before_[i], nullptr);
    }
    PagersSignals(const PagersSignals&) = delete;
    PagersSignals& operator=(const PagersSignals&) = delete;

    static constexpr std::array signals{SIGINT, SIGQUIT, SIGPIPE};

  private:
    std::array<struct sigaction, signals.size()> before_{};
};

std::vector<char*> c_strings(const std::vector<std::string>& words) {
    std::vector<char*> out;
    for (const std::string& word : words)
        out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> environment_of(const Pager& pager) {
    std::vector<std::string> out = pager.settings;
    if (!pager.with_callers_environment) return out;
    for (char** entry = ::environ; *entry != nullptr; ++entry)
        out.emplace_back(*entry);
    return out;
}

/// Starts the pager on `input`; 0 where it cannot be started.
pid_t start_pager(const Pager& pager, int input) {
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawnattr_t attributes{};
    ::posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int signal : PagersSignals::signals)
        sigaddset(&defaults, signal);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const std::vector<std::string> environment = environment_of(pager);
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, pager.program.c_str(), &actions, &attributes, c_strings(pager.argv).data(),
                                     c_strings(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    return failed == 0 ? pid : 0;
}

/// Whether a pager showed it.
bool shown_by(const Pager& pager, std::string_view text) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    UniqueFd input(ends[0]), output(ends[1]);
    const PagersSignals signals;
    const pid_t pid = start_pager(pager, input.get());
    if (pid == 0) return false;
    input = UniqueFd();
    while (!text.empty()) {
        const ssize_t written = ::write(output.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;  // it was left before the end
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    output = UniqueFd();
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return true;
}

}  // namespace

std::optional<Pager> pager_of(uid_t uid, const EnvironmentLookup& env) {
    auto chosen = env("CAPSULE_PAGER");
    if (!chosen) chosen = env("PAGER");
    Pager pager;
    pager.argv = pager_words(chosen.value_or("less"));
    if (pager.argv.empty() || pager.argv.front() == "cat") return std::nullopt;
    if (uid != 0) {
        const auto program = pager_in_path(pager.argv.front(), env("PATH").value_or(""));
        if (!program) return std::nullopt;
        pager.program = *program;
        if (!env("LESS")) pager.settings.emplace_back(less_options);
        return pager;
    }
    // Arguments make a program do another's work, "env" and "find" another program's.
    pager.argv = {roots_choice(pager.argv.front())};
    const auto program = in_roots_directories(pager.argv.front());
    if (!program) return std::nullopt;
    pager.program = *program;
    pager.with_callers_environment = false;
    pager.settings = {less_options, "LESSSECURE=1", "PATH=/usr/bin:/bin"};
    for (const char* name : {"TERM", "LANG", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES"})
        if (const auto value = env(name)) pager.settings.push_back(std::string(name) + "=" + *value);
    return pager;
}

bool needs_pager(std::string_view text, std::size_t columns, std::size_t rows) {
    if (columns == 0 || rows == 0) return false;
    std::size_t lines = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines += 1 + (std::max<std::size_t>(display_width(text.substr(0, end)), 1) - 1) / columns;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines + 1 > rows;
}

void print_paged(std::string_view text) {
    winsize size{};
    const bool terminal = ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    const bool dumb = process_environment("TERM").value_or("dumb") == "dumb";
    if (terminal && !dumb && needs_pager(text, size.ws_col, size.ws_row))
        if (const auto pager = pager_of(::geteuid(), process_environment);
            pager && shown_by(*pager, shows_utf8(process_environment) ? std::string(text) : in_ascii(text)))
            return;
    print(text);
}

}  // namespace capsule
