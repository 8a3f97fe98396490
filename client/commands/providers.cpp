#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/object.hpp>

#include "client/commands/brought_words.hpp"
#include "client/commands/command_table.hpp"
#include "protocol/limit_text.hpp"

namespace capsule {
namespace {

struct ProvidersOptions {
    ProvidersListParams params;
    std::string format;
};

std::string labels(const ProvidersListResult& list) {
    std::string text;
    for (const Choice& choice : list.choices)
        text += printable(choice.tab_label) + "\n";
    return text;
}

std::string list_page(const ProvidersListResult& list) {
    const Style style = output_style();
    std::string text;
    if (list.choices.empty())
        text += paragraph(list.default_ ? "Only the agent's own account is available: nothing to choose."
                                        : "Nothing is available: \"capsulectl auth\" says how to get a key.",
                          style);
    Table choices({"", "PROVIDER", "LABEL", "MODEL"});
    for (const Choice& choice : list.choices) {
        const bool is_default = list.default_ == choice.id;
        choices.add({{is_default ? "*" : "", Tone::good},
                     {choice.id, is_default ? Tone::strong : Tone::plain},
                     {choice.tab_label},
                     {choice.model.value_or(choice.native ? "the agent's own" : "-"), Tone::dim}});
    }
    if (!choices.empty()) text += choices.text(style);
    std::vector<Warning> limits;
    for (const Choice& choice : list.choices)
        if (choice.limit)
            limits.push_back(
                {"", choice.label + " refused a request, and has answered none since: " + limit_text(*choice.limit)});
    text += warnings_text(limits, style);
    if (!choices.empty() && !list.default_) text += "\n" + paragraph("No default: use --provider.", style);
    Table unavailable({"NOT AVAILABLE", "WHY"});
    for (const Unavailable& each : list.unavailable)
        unavailable.add({{each.id}, {each.reason, Tone::dim}});
    if (!unavailable.empty()) text += "\n" + unavailable.text(style);
    return text;
}

ExitCode run(const Globals& globals, const ProvidersOptions& options) {
    if (const std::string_view hint = hint_for_brought_word("providers", options.params.agent); !hint.empty())
        return fail(globals, ExitCode::usage, "client.usage",
                    {ErrorCode::invalid_params, "providers needs an AGENT", std::string(hint)});
    const auto make = options.format == "label" ? &labels : &list_page;
    return call_and_print<ProvidersListResult>(globals, "providers.list", params_json(options.params), make);
}

}  // namespace

void add_providers(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("providers", "What an agent can be started on now, and why not on the rest");
    add_examples(*command, "", {"providers claude", "providers opencode --format label"});
    auto options = std::make_shared<ProvidersOptions>();
    command->add_option("AGENT", options->params.agent, "claude, codex or opencode")->required()->type_name("");
    takes_one_of(*command->add_option("--format", options->format, "One tab label per line, as a picker's entries"),
                 {"label"});
    command->add_option("--workspace", options->params.workspace, "As that workspace has it")->type_name("NAME");
    command->add_option("--role", options->params.role, "As that role has it")->type_name("NAME");
    run_with(*command, invocation, [options](const Globals& globals) { return run(globals, *options); });
}

}  // namespace capsule
