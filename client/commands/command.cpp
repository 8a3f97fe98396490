#include "client/commands/command.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/object.hpp>
#include <cstdio>
#include <utility>

#include "client/json_text.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/nearest.hpp"
#include "protocol/socket_path.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

/// Not one of the daemon's numbers: JSON-RPC leaves it to the implementation.
constexpr int client_side = -32000;

/// "label text", wrapped so that further lines stand a little to the right of the label.
std::string labelled(const std::string& indent, const std::string& label, Tone tone, const std::string& text,
                     const Style& style) {
    const std::size_t further = indent.size() + 2;
    const std::size_t width = style.width > further ? style.width - further : 0;
    const std::string whole = wrapped_first_line(label + " " + printable(text, true), width, further);
    return indent + paint(label, tone, style) + whole.substr(label.size()) + "\n";
}

std::string for_terminal(std::string_view text, const Style& style) {
    return style.terminal && !shows_utf8(process_environment) ? in_ascii(text) : std::string(text);
}

void to_stderr(std::string_view text) {
    const std::string shown = for_terminal(text, error_style());
    std::fwrite(shown.data(), 1, shown.size(), stderr);
}

void write_out(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        throw Failure({ErrorCode::io_error, "cannot write to standard output", "is it closed, or the disk full?"});
}

void report(const Globals& globals, int number, std::string_view name, const Error& error) {
    if (globals.json) {
        const json::string_view code(name.data(), name.size());
        print_json(
            {{"error",
              {{"code", number}, {"message", error.message}, {"data", {{"code", code}, {"hint", error.hint}}}}}});
        return;
    }
    const Style style = error_style();
    std::string text = labelled("", "capsulectl:", Tone::bad, error.message, style);
    if (!error.hint.empty()) text += labelled("  ", "hint:", Tone::strong, error.hint, style);
    to_stderr(text);
}

}  // namespace

void run_with(CLI::App& command, Invocation& invocation, std::function<ExitCode(const Globals&)> action) {
    command.callback([&invocation, action = std::move(action)] {
        invocation.action = [&invocation, action] { return action(invocation.globals); };
    });
}

void takes_one_of(CLI::Option& option, std::vector<std::string_view> values) {
    std::string shown;
    for (const std::string_view value : values)
        shown += (shown.empty() ? "" : "|") + std::string(value);
    option.type_name(shown)->check(CLI::Validator(
        [values = std::move(values)](const std::string& word) { return problem_unless_among(word, values); }, ""));
}

void add_examples(CLI::App& command, const std::string& text, const std::vector<std::string>& examples) {
    std::string footer = text.empty() ? "" : text + "\n\n";
    footer += "Examples:";
    for (const std::string& example : examples)
        footer += "\n  capsulectl " + example;
    command.footer(footer);
}

ClientResult<Client> connect(const Globals& globals, std::chrono::milliseconds timeout) {
    const auto path = client_socket_path(globals.socket, ::geteuid(), process_environment);
    if (!path) return ClientError{ClientError::Kind::unreachable, path.error()};
    return Client::connect(*path, timeout);
}

ClientResult<json::value> call(const Globals& globals, std::string_view method, const json::value& params) {
    auto client = connect(globals);
    if (!client) return client.error();
    return client->call(method, params);
}

void print(std::string_view text) {
    write_out(for_terminal(text, output_style()));
}

void print_json(const json::value& value) {
    write_out(json_text(value, output_style().terminal) + "\n");
}

void print_warnings(const std::vector<Warning>& warnings) {
    to_stderr(warnings_text(warnings, error_style()));
}

Style output_style() {
    return style_of(STDOUT_FILENO, process_environment);
}
Style error_style() {
    return style_of(STDERR_FILENO, process_environment);
}

ExitCode fail(const Globals& globals, const ClientError& error) {
    const bool answered = error.kind == ClientError::Kind::answered;
    report(globals, answered ? rpc_number(error.error.code) : client_side, name_of(error), error.error);
    return exit_code_for(error);
}

ExitCode fail(const Globals& globals, ExitCode code, std::string_view name, const Error& error) {
    report(globals, client_side, name, error);
    return code;
}

}  // namespace capsule
