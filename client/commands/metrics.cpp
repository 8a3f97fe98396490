#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/object.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/metrics_text.hpp"

namespace capsule {

void add_metrics(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("metrics", "Counts for monitoring, as Prometheus reads them");
    add_examples(*command, "For node_exporter's textfile collector: write it beside the file and rename it.",
                 {"metrics", "metrics >capsule.prom.new && mv capsule.prom.new capsule.prom"});
    run_with(*command, invocation, [](const Globals& globals) {
        return call_and_print<MetricsResult>(globals, "metrics", boost::json::object(), metrics_text);
    });
}

}  // namespace capsule
