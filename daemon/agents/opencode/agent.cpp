// OpenCode's descriptor, and how its tables in the catalog and in capsule.toml are read.
#include "daemon/agents/opencode/agent.hpp"

#include <algorithm>

#include "daemon/agents/build.hpp"
#include "daemon/agents/list.hpp"
#include "daemon/agents/opencode/accounts.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "daemon/agents/opencode/unheld.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"

namespace capsule {
namespace {

void read_cell(TableReader& in, const Provider& provider, Cell& cell) {
    OpencodeCell own{opencode_npm(cell)};
    if (const auto npm = in.text("npm")) {
        if (!is_npm_package(npm->value))
            in.refuse("npm", "is no name of an npm package",
                      "Write \"name\" or \"@scope/name\", such as \"@ai-sdk/openai-compatible\": no version, path or "
                      "URL.");
        own.npm = npm->value;
    }
    if (own.npm.empty())
        in.refuse_table("npm is missing",
                        "It is the SDK, such as \"@ai-sdk/openai-compatible\" or \"@ai-sdk/anthropic\".");
    cell.details = std::move(own);
    read_base_url(in, cell.base_url);
    read_model_name(in, "model", cell.model);
    // On Anthropic OpenCode knows the models itself; of another provider it knows nothing.
    if (cell.model.value.empty() && provider.alternative()) in.refuse_table("model is missing");
}

void read_model(TableReader& in, ModelForAgent& model) {
    auto table = in.table("limit");
    if (!table) return;
    OpencodeLimit limit = opencode_limit(model);
    if (const auto context = table->integer("context", 1, largest_tokens)) limit.context = *context;
    if (const auto output = table->integer("output", 1, largest_tokens)) limit.output = *output;
    table->finish();
    if (limit.context == 0 || limit.output == 0) table->refuse_table("limit needs context and output, in tokens");
    model.details = limit;
}

/// "<provider>/<id>" of another provider.
std::optional<ModelConflict> prefix_conflict(const Catalog& catalog, const Provider& provider, std::string_view model) {
    const std::size_t slash = model.find('/');
    if (slash == model.npos) return std::nullopt;
    const std::string_view prefix = model.substr(0, slash);
    if (prefix == provider.id) {
        if (slash + 1 < model.size()) return std::nullopt;
        return ModelConflict{quote(model) + " names no model", "Write \"" + provider.id + "/<model>\"."};
    }
    const Provider* other = catalog.find(prefix);
    if (!other) return std::nullopt;
    return ModelConflict{quote(model) + " is a model of " + other->label + ", not of " + provider.label,
                         "Name one of " + provider.label + "'s models; one whose own name begins so is \"" +
                             provider.id + "/" + quotable(model) + "\"."};
}

void check_among_others(TableReader& in, Provider& provider, const Catalog& catalog) {
    std::string& model = provider.cell(Agent::opencode).model.value;
    if (model.empty()) return;
    if (const auto conflict = prefix_conflict(catalog, provider, model))
        in.refuse("model", conflict->message, conflict->hint);
    model = without_provider(model, provider);
}

/// It has no account of its own: Anthropic with its key stands in its place.
bool counts_as_native(const Provider& provider) {
    return provider.kind(Agent::claude) == CellKind::native && provider.kind(Agent::opencode) == CellKind::routed;
}

void read_settings(TableReader& in, AgentConfig& out) {
    OpencodeSettings own;
    own.keys = in.word<OpencodeKeys>("api_key", {{"inline", OpencodeKeys::in_file}, {"env", OpencodeKeys::env}})
                   .value_or(own.keys);
    own.permission =
        in.word<std::string>("permission", {{"allow", "allow"}, {"ask", "ask"}, {"deny", "deny"}, {"none", ""}})
            .value_or(own.permission);
    out.own = std::move(own);
}

std::optional<std::string> refused_argument(const std::vector<std::string>& args, std::size_t index,
                                            const SessionConfig& /*session*/) {
    for (const char* name : {"--model", "-m"})
        if (is_option(args[index], name))
            return "OpenCode takes only one model; [opencode.providers.<id>] model says which";
    return std::nullopt;
}

std::optional<InlineKeys> inline_keys(const Config& config, const SessionHome& home,
                                      const std::map<std::string, FileKey>& keys) {
    if (opencode_keys(config) != OpencodeKeys::in_file) return std::nullopt;
    for (const Provider& provider : config.catalog.providers) {
        if (!provider.alternative() || provider.kind(Agent::opencode) != CellKind::routed) continue;
        if (const auto key = keys.find(provider.id); key != keys.end() && key->second.global)
            return InlineKeys{home.opencode_json(), "set [opencode] api_key = \"env\" to change that"};
    }
    return std::nullopt;
}

bool needs_extra_pin(const SettingsPlace& place, const std::optional<std::string>& text,
                     const std::vector<FoundSetting>& settings, const SurveyedSession& session) {
    if (session.ignore_project || place.owner != SettingsOwner::project) return false;
    return !text || (place.format == SettingsFormat::opencode_config && may_send_out(settings));
}

void add_extra_pin(Plan& plan, SurveyedSession& session) {
    session.ignore_project = true;
    leave_project_out(plan, "capsuled: a configuration around the session would send something out, or could");
}

bool leave_out(Plan& plan, const std::string& from) {
    leave_all_of_project_out(plan, from);
    return true;
}

}  // namespace

std::string without_provider(std::string_view model, const Provider& provider) {
    if (model.starts_with(provider.id) && model.substr(provider.id.size()).starts_with('/'))
        model.remove_prefix(provider.id.size() + 1);
    return std::string(model);
}

const AgentDescriptor opencode_agent{
    .agent = Agent::opencode,
    .read_cell = read_cell,
    .read_model = read_model,
    .check_among_others = check_among_others,
    .counts_as_native = counts_as_native,
    .model_conflict = prefix_conflict,
    .model_id = without_provider,
    .read_settings = read_settings,
    .refused_argument = refused_argument,
    .render = render_opencode,
    .check_home = refuse_logins_with_settings,
    .brokered = brokered_opencode,
    .files = opencode_files,
    .inline_keys = inline_keys,
    .settings_places = opencode_settings_places,
    .survey = survey_opencode,
    .project_switch = "OPENCODE_DISABLE_PROJECT_CONFIG=1",
    .unheld = opencode_unheld,
    .project_cure = "[session] project_settings = \"ignore\" keeps it out, or OpenCode from starting there.",
    .needs_extra_pin = needs_extra_pin,
    .add_extra_pin = add_extra_pin,
    .leave_project_out = leave_out,
};

}  // namespace capsule
