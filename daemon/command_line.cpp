#include "daemon/command_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "capsule_version.hpp"
#include "protocol/help_text.hpp"
#include "protocol/nearest.hpp"
#include "protocol/text_width.hpp"

namespace capsule {
namespace {

constexpr int usage_error = 2;

/// Columns of a terminal; 0: it is none.
std::size_t width_of(int descriptor) {
    winsize size{};
    return ::isatty(descriptor) != 0 && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void takes_one_of(CLI::Option& option, const char* shown, std::vector<std::string_view> values) {
    option.type_name(shown)->check(CLI::Validator(
        [values = std::move(values)](const std::string& word) { return problem_unless_among(word, values); }, ""));
}

void add_options(CLI::App& app, CommandLine& line) {
    app.add_option("--config", line.config, "The configuration file (else CAPSULE_CONFIG, else the default place)")
        ->type_name("PATH");
    app.add_option("--socket", line.socket, "The Unix socket (else CAPSULE_SOCKET, else [daemon] socket)")
        ->type_name("PATH");
    takes_one_of(*app.add_option("--log-level", line.log_level, "trace, debug, info, warn or error"), "LEVEL",
                 {"trace", "debug", "info", "warn", "error"});
    takes_one_of(*app.add_option("--log-format", line.log_format, "text or json: one object per line"), "FORMAT",
                 {"text", "json"});
    app.add_option("--log-file", line.log_file, "Log to this file, and keep one older one, instead of stderr")
        ->type_name("PATH");
    app.add_flag("--check-config", line.check_config, "Read the configuration, say what is wrong with it, and end");
    app.add_flag("--key-files", line.key_files, "Say where files with keys may be, one a line, and end");
    app.set_help_flag("-h,--help", "Explain, and end");
    app.set_version_flag("-V,--version", std::string("capsuled ") + capsule_version)
        ->description("Say the version, and end");
    app.footer(
        "Examples:\n"
        "  capsuled --check-config\n"
        "  capsuled --log-file capsuled.log &");
}

/// The word that nothing took, which is not repeated where it could be a key.
std::string about_extra(const CLI::App& app, const std::string& word, std::string& hint) {
    constexpr std::size_t longest_shown = 24;
    const std::string name = word.substr(0, word.find('='));
    if (name.size() > longest_shown) return "a word is no option";
    if (!word.starts_with('-')) {
        hint = "commands are capsulectl's: see \"capsulectl --help\"; capsuled takes options: see \"capsuled --help\"";
        return "\"" + word + "\" is no option";
    }
    if (name == "-d" || name == "--daemon" || name == "--detach" || name == "--background")
        hint = "capsuled stays in the foreground: start it by systemd, or with \"&\" behind it";
    std::vector<std::string_view> known;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& each : option->get_lnames())
            known.push_back(each);
    if (const auto near = nearest(name.substr(std::min<std::size_t>(2, name.size())), known))
        hint = "did you mean \"--" + std::string(*near) + "\"?";
    return "unknown option " + name;
}

void explain_error(const CLI::App& app, const CLI::ParseError& error) {
    std::string hint = "see \"capsuled --help\"";
    std::string what = error.what();
    const int kind = error.get_exit_code();
    const auto extras = app.remaining();
    if (kind == static_cast<int>(CLI::ExitCodes::ExtrasError) && !extras.empty())
        what = about_extra(app, extras.front(), hint);
    else if (kind == static_cast<int>(CLI::ExitCodes::ArgumentMismatch))
        what = what.substr(0, what.find(':')) + " needs a value after it";
    const std::size_t width = width_of(STDERR_FILENO);
    const std::string text =
        wrapped("capsuled: " + what, width, 2) + "\n  " + wrapped("hint: " + hint, width, 4) + "\n";
    std::fputs(text.c_str(), stderr);
}

}  // namespace

CommandLine read_command_line(int argc, char** argv) {
    CommandLine line;
    CLI::App app{
        "capsuled: holds LLM-provider keys in a capsule and tells launchers how to start coding agents.\n"
        "It is for capsule images (containers), not for workstations.",
        "capsuled"};
    add_options(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        std::ostringstream text;
        app.exit(asked, text, text);
        std::fputs(help_text(text.str(), width_of(STDOUT_FILENO)).c_str(), stdout);
        std::exit(0);
    } catch (const CLI::ParseError& error) {
        explain_error(app, error);
        std::exit(usage_error);
    }
    return line;
}

}  // namespace capsule
