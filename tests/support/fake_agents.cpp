#include "tests/support/fake_agents.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "tests/support/temp_dir.hpp"

namespace capsule::test {

namespace fs = std::filesystem;

namespace {

/// Control files lie beside the script, since a session's environment is exact and has no room for ours.
constexpr std::string_view script = R"sh(#!/bin/sh
here=${0%/*}
agent=${0##*/}
if [ "$*" = --version ]; then
    case $agent in
    claude) echo '2.1.197 (Claude Code)' ;;
    codex) echo 'codex-cli 0.169.0' ;;
    *) echo '1.18.33' ;;
    esac
    exit 0
fi
# The daemon lets Codex judge the catalog that it derived: this one reads every catalog.
if [ "$agent $1 $2 $3" = 'codex debug models -c' ]; then exit 0; fi
if [ "$agent $1 $2" = 'codex debug models' ]; then
    echo run >>"$here/codex.runs"
    read -r delay <"$here/codex.delay"
    [ "$delay" = 0 ] || /bin/sleep "$delay"
    exec /bin/cat "$here/codex.models"
fi
for argument in "$@"; do printf 'ARG %s\n' "$argument"; done
printf 'IDS %s:%s:%s\n' "$(/usr/bin/id -u)" "$(/usr/bin/id -g)" "$(/usr/bin/id -G | /usr/bin/tr ' ' ,)"
/usr/bin/tr '\0' '\n' </proc/$$/environ | /bin/sed 's/^/ENV /'
for argument in "$@"; do case $argument in exit-*) exit "${argument#exit-}" ;; esac; done
)sh";

}  // namespace

FakeAgents::FakeAgents(fs::path bin) : bin_(std::move(bin)) {
    for (const char* agent : {"claude", "codex", "opencode"}) {
        write_file(bin_ / agent, script);
        fs::permissions(bin_ / agent, fs::perms{0755});
    }
    set_codex_models(read_file(fs::path(CAPSULE_SUPPORT_DATA) / "codex_models.json"));
    delay_codex_models(std::chrono::seconds(0));
    write_file(bin_ / "codex.runs", "");
    fs::permissions(bin_ / "codex.runs", fs::perms{0666});  // the session's user may be another
}

void FakeAgents::remove(std::string_view agent) const {
    fs::remove(bin_ / agent);
}

void FakeAgents::delay_codex_models(std::chrono::seconds time) const {
    write_file(bin_ / "codex.delay", std::to_string(time.count()) + "\n");
}

void FakeAgents::set_codex_models(std::string_view output) const {
    write_file(bin_ / "codex.models", output);
}

std::size_t FakeAgents::codex_models_runs() const {
    const std::string runs = read_file(bin_ / "codex.runs");
    return static_cast<std::size_t>(std::count(runs.begin(), runs.end(), '\n'));
}

SeenStart FakeAgents::parse(std::string_view output) {
    SeenStart seen;
    std::istringstream lines{std::string(output)};
    for (std::string line; std::getline(lines, line);) {
        const std::string rest = line.size() > 4 ? line.substr(4) : "";
        if (line.starts_with("ARG ")) {
            seen.argv.push_back(rest);
        } else if (line.starts_with("IDS ")) {
            seen.ids = rest;
        } else if (line.starts_with("ENV ") && rest.find('=') != std::string::npos) {
            if (!seen.env.emplace(rest.substr(0, rest.find('=')), rest.substr(rest.find('=') + 1)).second)
                throw std::runtime_error("twice in the environment: " + rest.substr(0, rest.find('=')));
        }
    }
    return seen;
}

}  // namespace capsule::test
