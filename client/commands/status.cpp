#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/status_page.hpp"
#include "client/status_warnings.hpp"

namespace capsule {
namespace {

/// Whether every session that could be started would be refused.
bool is_out_of_service(const StatusResult& status) {
    if (!status.config.ok || (status.broker && status.broker->state == "failed")) return true;
    return warns_of(status, "keys.unreachable") || warns_of(status, "state.unwritable");
}

struct Health {
    bool quiet = false;
    bool alive = false;
};

ExitCode run_health(const Globals& globals, bool answers_is_enough) {
    auto client = connect(globals);
    if (!client) return exit_code_for(client.error());
    const auto status = client->status();
    if (!status) return exit_code_for(status.error());
    return answers_is_enough || !is_out_of_service(*status) ? ExitCode::done : ExitCode::failed;
}

/// A page without the defaults is better than none, so what fails here is left out. While the keys' side is away, each
/// question would wait ten seconds for it.
Defaults ask_defaults(Client& client, const StatusResult& status) {
    if (warns_of(status, "keys.unreachable")) return {};
    std::vector<Client::Call> calls;
    for (const AgentStatus& agent : status.agents)
        calls.push_back({"providers.list", params_json(ProvidersListParams{agent.id, {}, {}})});
    Defaults defaults;
    const auto outcomes = client.call_all(calls);
    for (std::size_t i = 0; outcomes && i < outcomes->size(); ++i) {
        if (!(*outcomes)[i]) continue;
        if (auto list = result_as<ProvidersListResult>(*(*outcomes)[i]))
            defaults.emplace(status.agents[i].id, *std::move(list));
    }
    return defaults;
}

ExitCode run(const Globals& globals, const Health& health) {
    if (health.quiet || health.alive) return run_health(globals, health.alive);
    auto client = connect(globals);
    if (!client) return fail(globals, client.error());
    const auto result = client->call("status", boost::json::object_kind);
    if (!result) return fail(globals, result.error());
    if (globals.json) {
        print_json(*result);
        return ExitCode::done;
    }
    const auto status = result_as<StatusResult>(*result);
    if (!status) return fail(globals, status.error());
    print(status_page(*status, ask_defaults(*client, *status), output_style()));
    return ExitCode::done;
}

}  // namespace

void add_status(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("status", "The daemon, each provider's key, each cell, and what is wrong");
    add_examples(*command, "", {"status", "status --quiet || echo \"capsuled is not well\""});
    auto health = std::make_shared<Health>();
    auto* quiet = command->add_flag("-q,--quiet", health->quiet,
                                    "Print nothing; exit 0 if the daemon answers, its configuration is good, and "
                                    "sessions can be started: for a readiness probe");
    command
        ->add_flag("--alive", health->alive,
                   "Print nothing; exit 0 if the daemon answers, whatever it lacks: for a liveness probe")
        ->excludes(quiet);
    run_with(*command, invocation, [health](const Globals& globals) { return run(globals, *health); });
}

}  // namespace capsule
