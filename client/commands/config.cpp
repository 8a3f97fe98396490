#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/object.hpp>

#include "client/commands/command_table.hpp"

namespace capsule {
namespace {

std::string write_page(const ConfigWriteResult& result) {
    Table table;
    for (const WrittenFile& file : result.files)
        // One that is not there, and is not wanted, is no file of anybody's.
        if (file.action != "unchanged" || file.mode)
            table.add({{file.action, file.action == "unchanged" ? Tone::dim : Tone::good},
                       {file.mode.value_or("-"), Tone::dim},
                       {file.path}});
    print_warnings(result.warnings);
    if (table.empty())
        return result.files.empty() ? "nothing to write\n" : "nothing to write: none of its providers has a key\n";
    return table.text(output_style());
}

}  // namespace

void add_config(CLI::App& app, Invocation& invocation) {
    CLI::App* config = app.add_subcommand("config", "An agent's configuration files");
    config->require_subcommand(1);
    CLI::App* write = config->add_subcommand("write", "Write them now, so that an agent started by hand works too");
    add_examples(*config, "", {"config write codex", "config write opencode"});
    add_examples(*write, "", {"config write codex", "config write opencode --json"});
    auto params = std::make_shared<ConfigWriteParams>();
    write->add_option("AGENT", params->agent, "claude, codex or opencode")->required()->type_name("");
    run_with(*write, invocation, [params](const Globals& globals) {
        return call_and_print<ConfigWriteResult>(globals, "config.write", params_json(*params), write_page);
    });
}

}  // namespace capsule
