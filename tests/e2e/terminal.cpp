#include "tests/e2e/terminal.hpp"

#include <stdexcept>
#include <utility>

namespace capsule::e2e {

namespace {

/// Another one for each: an earlier server that was told to end answers a moment longer.
std::filesystem::path own_socket_in(const std::filesystem::path& directory) {
    static int made = 0;
    return directory / ("tmux" + std::to_string(++made) + ".socket");
}

}  // namespace

Terminal::Terminal(const test::Program& program, std::filesystem::path directory)
    : directory_(std::move(directory)), socket_(own_socket_in(directory_)) {
    // The pane stays when the program ends, so that its last words can be read.
    std::vector<std::string> start{"-f",  "/dev/null", "new-session", "-d", "-x",
                                   "120", "-y",        "50",          "-c", program.cwd.string()};
    start.insert(start.end(), {"env", "-i"});
    for (const auto& [name, value] : program.env)
        start.push_back(name + "=" + value);
    start.push_back("TERM=tmux-256color");
    start.insert(start.end(), program.argv.begin(), program.argv.end());
    start.insert(start.end(), {";", "set-option", "remain-on-exit", "on"});
    const test::Outcome started = tmux(std::move(start));
    if (started.exit_code != 0) throw std::runtime_error("tmux: " + started.err);
}

Terminal::~Terminal() {
    tmux({"kill-server"});
}

std::string Terminal::screen() const {
    return tmux({"capture-pane", "-p"}).out;
}

void Terminal::type(const std::string& text) const {
    tmux({"send-keys", "-l", text});
}

void Terminal::press(const std::string& key) const {
    tmux({"send-keys", key});
}

pid_t Terminal::process() const {
    const std::string out = tmux({"display-message", "-p", "#{pane_pid}"}).out;
    return out.empty() ? -1 : static_cast<pid_t>(std::stol(out));
}

test::Outcome Terminal::tmux(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"/usr/bin/tmux", "-u", "-S", socket_.string()});
    return test::run_command(
        {.argv = std::move(arguments),
         .env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}, {"SHELL", "/bin/sh"}},
         .cwd = directory_});
}

}  // namespace capsule::e2e
