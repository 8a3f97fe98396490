#include "client/commands/session_options.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "client/environment.hpp"
#include "protocol/path_walk.hpp"
#include "protocol/utf8.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

std::string check_assignment(const std::string& text) {
    const std::size_t equals = text.find('=');
    return equals == std::string::npos || equals == 0 ? "expected NAME=VALUE" : "";
}

/// What cannot be looked at for other reasons is left to the session's user, and so is what another user's file system
/// has: root would wait for that one's process.
std::string check_directory(const std::string& path) {
    const auto found = walk_to(path);
    if (!found) return "";
    if (!found->place) return found->error == ENOENT ? "there is no directory " + path : "";
    struct stat status {};
    const bool is_known = ::fstat(found->place.get(), &status) == 0;
    return is_known && !S_ISDIR(status.st_mode) ? path + " is no directory" : "";
}

std::optional<std::string> absolute_directory(const std::optional<std::string>& given) {
    std::error_code error;
    auto path = given ? std::filesystem::absolute(*given, error) : std::filesystem::current_path(error);
    if (error) return std::nullopt;  // it is only looked at, so a vanished directory is no reason to fail
    // Behind a link, ".." is not what stands before it: the daemon looks where it leads.
    const bool goes_up = std::ranges::find(path, std::filesystem::path("..")) != path.end();
    std::string text = (goes_up ? path : path.lexically_normal()).string();
    if (!is_utf8(text)) {
        print_warnings({{"client.left_out",
                         "the directory was not named to the daemon: its path has a byte that is no "
                         "UTF-8, so a project's settings in it are not looked at"}});
        return std::nullopt;
    }
    return text;
}

}  // namespace

void add_session_options(CLI::App& command, SessionOptions& options, bool agent_required) {
    SpawnParams& params = options.params;
    command.add_option("AGENT", params.agent, "claude, codex or opencode")->required(agent_required)->type_name("");
    command.add_option("--provider", params.provider, "anthropic, openai, zai, minimax, kimi, or one of capsule.toml")
        ->type_name("ID");
    command.add_option("--model", params.model, "Instead of the role's, the configuration's or the catalog's")
        ->type_name("MODEL");
    command.add_option("--workspace", params.workspace, "With that workspace's keys")->type_name("NAME");
    command.add_option("--role", params.role, "With that role's keys and models")->type_name("NAME");
    command.add_option("--env", options.env, "A variable for the session, if the daemon's allowlist has its name")
        ->type_name("NAME=VALUE")
        ->check(CLI::Validator(check_assignment, ""))
        ->expected(1)
        ->take_all();
    command
        .add_option("--cwd", params.cwd,
                    "The project, which is looked at; exec starts there (else the current directory)")
        ->type_name("PATH")
        ->check(CLI::Validator(check_directory, ""));
}

SpawnParams session_params(const SessionOptions& options) {
    SpawnParams params = options.params;
    if (params.provider) params.chosen_by = "flag";
    OfferedEnvironment offered = offered_environment(::environ, environment_limit);
    params.env = std::move(offered.variables);
    for (const std::string& assignment : options.env) {
        const std::size_t equals = assignment.find('=');
        params.env.insert_or_assign(assignment.substr(0, equals), assignment.substr(equals + 1));
    }
    params.cwd = absolute_directory(options.params.cwd);
    std::vector<Warning> warnings;
    for (const std::string& name : offered.left_out)
        warnings.push_back({"client.left_out",
                            "the variable " + name + " was not offered to the daemon: it is too large or not UTF-8"});
    print_warnings(warnings);
    return params;
}

ClientResult<void> leave_out_own_login(const Globals& globals, const SessionOptions& options, SpawnParams& params) {
    const auto is_own = [&](const auto& variable) {
        const std::string start = variable.first + "=";
        return is_of_a_login(variable.first) &&
               std::ranges::none_of(options.env, [&](const auto& each) { return each.starts_with(start); });
    };
    if (std::ranges::none_of(params.env, is_own)) return {};
    auto client = connect(globals);
    if (!client) return client.error();
    const auto plan = client->explain(params);
    if (!plan) return plan.error();
    if (plan->user.uid != ::geteuid()) std::erase_if(params.env, is_own);
    return {};
}

std::vector<Warning> not_passed(const SessionOptions& options, const std::vector<std::string>& dropped) {
    std::vector<Warning> warnings;
    for (const std::string& assignment : options.env) {
        const std::string name = assignment.substr(0, assignment.find('='));
        if (std::find(dropped.begin(), dropped.end(), name) == dropped.end()) continue;
        warnings.push_back(
            {"client.not_passed", "--env " + name +
                                      " is not passed to the session: capsuled sets or holds it, or it is "
                                      "not in [session] passthrough of capsule.toml"});
    }
    return warnings;
}

}  // namespace capsule
