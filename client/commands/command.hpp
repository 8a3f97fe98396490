// What every command shares: the global options, reaching the daemon, printing, failing.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.hpp"
#include "client/exit_code.hpp"
#include "client/output.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace capsule {

struct Globals {
    std::optional<std::string> socket;
    bool json = false;
};

/// What a command line comes to: the chosen command's action, to be run once all of it has been parsed.
struct Invocation {
    Globals globals;
    std::vector<std::string> agent_arguments;  ///< what exec gives to the agent, see split_exec()
    std::function<ExitCode()> action;
};

/// Lets `command` run `action` with the global options.
void run_with(CLI::App& command, Invocation& invocation, std::function<ExitCode(const Globals&)> action);

/// Lets `option` take only one of `values`, and shows them as its value's name.
void takes_one_of(CLI::Option& option, std::vector<std::string_view> values);

/// What stands at the end of `command`'s help: `text`, which may be empty, and examples, without "capsulectl".
void add_examples(CLI::App& command, const std::string& text, const std::vector<std::string>& examples);

/// Connects to the socket that the options and the environment name. `timeout` is also that of each call.
ClientResult<Client> connect(const Globals& globals, std::chrono::milliseconds timeout = Client::default_timeout);

/// Connects and calls.
ClientResult<boost::json::value> call(const Globals& globals, std::string_view method,
                                      const boost::json::value& params);

/// Writes to standard output; throws Failure if that fails (a full disk, say).
void print(std::string_view text);
/// A result as JSON: indented on a terminal, else on one line.
void print_json(const boost::json::value& value);
/// To standard error.
void print_warnings(const std::vector<Warning>& warnings);

Style output_style();
Style error_style();

/// Reports a failed call and gives its exit code: "capsulectl: …" and "  hint: …" on standard error, or with --json
/// {"error":{"code","message","data":{"code","hint"}}} on standard output.
ExitCode fail(const Globals& globals, const ClientError& error);
/// The same for what went wrong here and not in the daemon. `name` is data.code's, such as "client.usage".
ExitCode fail(const Globals& globals, ExitCode code, std::string_view name, const Error& error);

/// Calls, and prints the result: as JSON with --json, else as `page` makes it, by `show`.
template <class T>
ExitCode call_and_print(const Globals& globals, std::string_view method, const boost::json::value& params,
                        const std::function<std::string(const T&)>& page, void (*show)(std::string_view) = print) {
    const auto result = call(globals, method, params);
    if (!result) return fail(globals, result.error());
    if (globals.json) {
        print_json(*result);
        return ExitCode::done;
    }
    const auto typed = result_as<T>(*result);
    if (!typed) return fail(globals, typed.error());
    show(page(*typed));
    return ExitCode::done;
}

}  // namespace capsule
