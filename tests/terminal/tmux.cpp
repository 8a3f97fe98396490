#include "tests/terminal/tmux.hpp"

#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/temp_dir.hpp"

namespace capsule::test {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view program = "/usr/bin/tmux";

std::string command_line(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
        std::string quoted;
        for (char c : word)
            quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
        out += (out.empty() ? "'" : " '") + quoted + "'";
    }
    return out;
}

std::vector<std::string> shell_with(const Environment& env) {
    std::vector<std::string> words{"/usr/bin/env", "-i", "PS1=$((n+=1))$ "};
    for (const auto& [name, value] : env)
        words.push_back(name + "=" + value);
    words.emplace_back("/bin/sh");
    return words;
}

/// Whether the last line that is not empty is that prompt and nothing more.
bool is_at_prompt(const std::string& shown, int number) {
    const std::size_t end = shown.find_last_not_of('\n') + 1;
    const std::size_t newline = shown.rfind('\n', end == 0 ? 0 : end - 1);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    return shown.substr(begin, end - begin) == std::to_string(number) + "$";
}

}  // namespace

Tmux::Tmux(fs::path directory, Environment env, fs::path cwd, Size size) : socket_(directory / "tmux.sock") {
    write_file(directory / "tmux.conf",
               "set -g status off\nset -g escape-time 0\nset -g history-limit 5000\nset -g set-titles off\n"
               "set -g allow-rename off\nset -g default-terminal screen-256color\n");
    env.try_emplace("TERM", "screen-256color");
    tmux({"-f", directory / "tmux.conf", "new-session", "-d", "-x", std::to_string(size.columns), "-y",
          std::to_string(size.rows), "-c", cwd, command_line(shell_with(env))});
}

Tmux::~Tmux() {
    try {
        tmux({"kill-server"});
    } catch (const std::exception&) {  // it has ended already
    }
}

std::string Tmux::tmux(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {std::string(program), "-u", "-S", socket_});
    const Outcome outcome = run_command({.argv = arguments, .env = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}}});
    if (outcome.exit_code != 0) throw std::runtime_error("tmux: " + outcome.err);
    return outcome.out;
}

void Tmux::press(std::vector<std::string> keys) const {
    keys.insert(keys.begin(), "send-keys");
    tmux(std::move(keys));
}

void Tmux::type(std::string_view text) const {
    tmux({"send-keys", "-l", "--", std::string(text)});
}

void Tmux::run(std::string_view command) const {
    // What is typed before that is lost where a program empties its terminal's queue.
    ++commands_;
    wait("the prompt", [&](const std::string& shown) { return is_at_prompt(shown, commands_); });
    type(command);
    press({"Enter"});
}

void Tmux::run_on_clear_screen(std::string_view command) const {
    run("clear");
    const std::string prompt = std::to_string(commands_ + 1) + "$\n";
    wait("a clear screen", [&](const std::string& shown) { return shown.starts_with(prompt); });
    run(command);
}

void Tmux::resize(Size size) const {
    tmux({"resize-window", "-x", std::to_string(size.columns), "-y", std::to_string(size.rows)});
}

std::string Tmux::screen(bool colours) const {
    std::vector<std::string> arguments{"capture-pane", "-p"};
    if (colours) arguments.emplace_back("-e");
    return tmux(std::move(arguments));
}

std::string Tmux::everything() const {
    return tmux({"capture-pane", "-p", "-J", "-S", "-"});
}

std::string Tmux::title() const {
    std::string title = tmux({"display-message", "-p", "#{pane_title}"});
    if (title.ends_with('\n')) title.pop_back();
    return title;
}

std::string Tmux::wait(std::string_view what, const std::function<bool(const std::string&)>& holds) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(90);
    for (;;) {
        const std::string shown = screen();
        if (holds(shown)) return shown;
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error("waited in vain for " + std::string(what) + "; the screen is:\n" + shown);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

std::string Tmux::wait_for(std::string_view text) const {
    return wait(text, [&](const std::string& shown) { return shown.find(text) != std::string::npos; });
}

void Tmux::wait_until(const ::testing::Matcher<const std::string&>& wanted) const {
    std::ostringstream described;
    wanted.DescribeTo(&described);
    wait(described.str(), [&](const std::string& shown) { return wanted.Matches(shown); });
}

int Tmux::wait_for_exit_status() const {
    const std::string mark = "status" + std::to_string(++asked_) + "=";
    // Typed in two parts, so that the question on the screen is not taken for its answer.
    run("echo \"status\"" + std::to_string(asked_) + "=$?.");
    int status = -1;
    wait("the exit status", [&](const std::string& shown) {
        const std::size_t at = shown.find("\n" + mark);
        if (at == std::string::npos) return false;
        status = std::stoi(shown.substr(at + 1 + mark.size()));
        return true;
    });
    return status;
}

}  // namespace capsule::test
