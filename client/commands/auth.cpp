#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <boost/json/object.hpp>

#include "client/commands/ask_key.hpp"
#include "client/commands/auth_page.hpp"
#include "client/commands/command_table.hpp"
#include "client/commands/pager.hpp"
#include "protocol/nearest.hpp"

namespace capsule {
namespace {

struct KeyOptions {
    std::string provider;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::optional<std::string> op;
};

std::string page(const AuthListResult& list) {
    return auth_page(list, output_style());
}

std::optional<AuthScope> scope_of(const KeyOptions& options) {
    if (!options.workspace && !options.role) return std::nullopt;
    return AuthScope{options.workspace, options.role};
}

ExitCode store(const Globals& globals, const KeyOptions& options, std::string value) {
    const std::optional<AuthScope> scope = scope_of(options);
    AuthSetParams params{options.provider, std::move(value), scope};
    const auto json = params_json(params);
    ::explicit_bzero(params.value.data(), params.value.size());
    return call_and_print<AuthRow>(globals, "auth.set", json,
                                   [scope](const AuthRow& row) { return set_page(row, scope, output_style()); });
}

/// The daemon says which provider was meant.
ClientError unknown_provider(const Globals& globals, const std::string& given) {
    constexpr std::size_t longest_shown = 24;  // what is longer may be a key
    if (given.size() <= longest_shown)
        if (const auto answer = call(globals, "usage", params_json(UsageParams{given})); !answer) return answer.error();
    return ClientError{ClientError::Kind::answered,
                       {ErrorCode::provider_unknown, "there is no such provider", "\"capsulectl auth\" lists them"}};
}

/// Before somebody types a secret: does the daemon answer, may it be given one, does it know the provider?
ClientResult<void> check_before_asking(const Globals& globals, const KeyOptions& options) {
    auto client = connect(globals);
    if (!client) return client.error();
    if (auto allowed = client->may_call("auth.set"); !allowed) return allowed.error();
    const auto list = client->auth_list({options.workspace, options.role});
    if (!list) return list.error();
    const bool known = std::any_of(list->rows.begin(), list->rows.end(),
                                   [&](const AuthRow& row) { return row.provider == options.provider; });
    if (known) return {};
    return unknown_provider(globals, options.provider);
}

std::optional<ExitCode> role_alone(const Globals& globals, const std::optional<std::string>& workspace,
                                   const std::optional<std::string>& role) {
    if (!role || workspace) return std::nullopt;
    return fail(globals, ExitCode::usage, "client.usage",
                {ErrorCode::invalid_params, "--role needs --workspace: keys belong to a role within a workspace",
                 "add --workspace NAME"});
}

ExitCode set(const Globals& globals, const KeyOptions& options) {
    if (const auto refused = role_alone(globals, options.workspace, options.role)) return *refused;
    if (options.op) return store(globals, options, *options.op);
    if (const auto ready = check_before_asking(globals, options); !ready) return fail(globals, ready.error());
    // A crash, or Ctrl-\ later, is not to leave the key in a file of the current directory.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    auto answer = ask_key(STDIN_FILENO, "Key for " + options.provider + " (it does not show): ");
    if (std::holds_alternative<Cancelled>(answer)) return ExitCode::cancelled;
    if (const auto* error = std::get_if<Error>(&answer)) return fail(globals, ExitCode::usage, "client.usage", *error);
    return store(globals, options, std::move(std::get<std::string>(answer)));
}

ExitCode unset(const Globals& globals, const KeyOptions& options) {
    if (const auto refused = role_alone(globals, options.workspace, options.role)) return *refused;
    return call_and_print<AuthRow>(globals, "auth.unset",
                                   params_json(AuthUnsetParams{options.provider, scope_of(options)}),
                                   [](const AuthRow& row) { return unset_page(row, output_style()); });
}

void add_scope(CLI::App& command, std::optional<std::string>& workspace, std::optional<std::string>& role) {
    const bool is_list = command.get_name() == "list";
    command.add_option("--workspace", workspace, "For that workspace")->type_name("NAME");
    command.add_option("--role", role, is_list ? "For that role" : "For that role of the workspace")->type_name("NAME");
}

std::string check_reference(const std::string& text) {
    return text.starts_with("op://") ? "" : "expected op://vault/item/field";
}

void add_key_commands(CLI::App& auth, Invocation& invocation) {
    auto options = std::make_shared<KeyOptions>();
    CLI::App* set_command = auth.add_subcommand("set", "Store a key: typed unseen, or piped in, never an argument");
    CLI::App* unset_command = auth.add_subcommand("unset", "Forget a stored key");
    add_examples(*set_command,
                 "On a terminal the key is asked for and does not show; else it is read from standard input.\n"
                 "Before that capsulectl finds out that the daemon answers and knows the provider.",
                 {"auth set zai", "auth set kimi --op op://Private/kimi/key"});
    add_examples(*unset_command, "Where another source still has the key, it says which, and how to remove it there.",
                 {"auth unset zai", "auth unset zai --workspace acme"});
    for (CLI::App* command : {set_command, unset_command}) {
        command->add_option("PROVIDER", options->provider, "Whose key")->required()->type_name("");
        add_scope(*command, options->workspace, options->role);
    }
    set_command->add_option("--op", options->op, "A 1Password reference; the daemon reads the key from there")
        ->type_name("op://VAULT/ITEM/FIELD")
        ->check(CLI::Validator(check_reference, ""));
    run_with(*set_command, invocation, [options](const Globals& globals) { return set(globals, *options); });
    run_with(*unset_command, invocation, [options](const Globals& globals) { return unset(globals, *options); });
}

}  // namespace

void add_auth(CLI::App& app, Invocation& invocation) {
    CLI::App* auth =
        app.add_subcommand("auth", "Each provider's key: where it is from, how to get one, how to store it");
    auth->require_subcommand(0, 1);
    add_examples(*auth, "", {"auth", "auth set zai"});
    CLI::App* list = auth->add_subcommand("list", "All providers' keys (what \"auth\" alone does)")->alias("ls");
    add_examples(*list, "", {"auth list", "auth list --workspace acme --role reviewer"});
    auto params = std::make_shared<AuthListParams>();
    add_scope(*list, params->workspace, params->role);
    const auto run_list = [params](const Globals& globals) {
        if (const auto refused = role_alone(globals, params->workspace, params->role)) return *refused;
        return call_and_print<AuthListResult>(globals, "auth.list", params_json(*params), page, print_paged);
    };
    run_with(*list, invocation, run_list);
    add_key_commands(*auth, invocation);
    auth->callback([auth, &invocation, run_list] {
        if (auth->get_subcommands().empty())
            invocation.action = [&invocation, run_list] { return run_list(invocation.globals); };
    });
}

}  // namespace capsule
