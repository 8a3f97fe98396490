// Codex's descriptor, and how its tables in the catalog and in capsule.toml are read.
#include "daemon/agents/codex/agent.hpp"

#include <algorithm>
#include <array>

#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/settings.hpp"
#include "daemon/agents/list.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"

namespace capsule {
namespace {

/// Settings that the route pins by -c.
constexpr auto pinned_settings = std::to_array<std::string_view>(
    {"model", "model_provider", "model_providers", "model_catalog_json", "profile", "profiles", "openai_base_url",
     "chatgpt_base_url", "oss_provider", "review_model", "model_context_window", "model_auto_compact_token_limit"});

void check_wire_api(TableReader& in) {
    const auto wire_api = in.text("wire_api");
    if (!wire_api || wire_api->value == codex_wire_api) return;
    in.refuse("wire_api", "must be \"responses\"",
              wire_api->value == "chat" ? "Codex does not start on \"chat\" (Chat Completions) any more. A provider "
                                          "that has no Responses API cannot serve Codex: leave this table out."
                                        : "Codex speaks no other protocol.");
}

void read_cell(TableReader& in, const Provider& provider, Cell& cell) {
    if (is_codex_provider(provider.id))
        in.refuse_table("Codex has a provider of that name built in and does not start on another one",
                        "Give the provider another id, such as \"" + provider.id + "-gateway\".");
    read_base_url(in, cell.base_url);
    check_wire_api(in);
    read_model_name(in, "model", cell.model);
    if (cell.model.value.empty()) in.refuse_table("model is missing");
    CodexCell own = codex_cell(cell);
    if (const auto window = in.integer("context_window", 1, largest_tokens)) {
        own.context_window = *window;
        own.window_of = cell.model.value;
    }
    if (const auto profile = in.text("profile")) {
        if (!is_profile_name(profile->value))
            in.refuse("profile", "cannot name a file of Codex's",
                      "Use letters, digits, '-' and '_', at most 64, with a letter or digit first.");
        own.profile = profile->value;
    }
    if (own.profile.empty()) own.profile = provider.id;
    cell.details = std::move(own);
}

/// How long Codex lets a tool's output be.
void read_truncation(TableReader& in, CodexModelFields& fields) {
    if (const auto mode = in.word<std::string>("truncation_mode", {{"bytes", "bytes"}, {"tokens", "tokens"}}))
        fields.truncation_mode = *mode;
    if (const auto limit = in.integer("truncation_limit", 1, largest_tokens)) fields.truncation_limit = *limit;
}

void read_model(TableReader& in, ModelForAgent& model) {
    CodexModelFields fields = codex_fields(model);
    if (const auto percent = in.integer("effective_context_window_percent", 1, 100)) fields.window_percent = *percent;
    read_truncation(in, fields);
    if (const auto freeform = in.boolean("freeform_apply_patch")) fields.freeform_apply_patch = *freeform;
    model.details = std::move(fields);
}

void check_among_others(TableReader& in, Provider& provider, const Catalog& catalog) {
    const Cell& cell = provider.cell(Agent::codex);
    for (const Provider& other : catalog.providers)
        if (other.id != provider.id && cell.kind == CellKind::routed && other.kind(Agent::codex) == CellKind::routed &&
            codex_cell(other.cell(Agent::codex)).profile == codex_cell(cell).profile)
            in.refuse("profile", quote(codex_cell(cell).profile) + " is the profile of " + other.id,
                      "Leave it out: the provider's id is used.");
}

/// KEY of the -c KEY=VALUE that begins at `index`; none if another option does.
std::optional<std::string_view> setting_of(const std::vector<std::string>& args, std::size_t index) {
    const std::string_view argument = args[index];
    for (const std::string_view name : {"--config", "-c"}) {
        if (!is_option(argument, name)) continue;
        std::string_view setting = argument.substr(name.size());
        if (setting.empty() && index + 1 < args.size()) setting = args[index + 1];
        if (setting.starts_with('=')) setting.remove_prefix(1);
        setting = setting.substr(0, setting.find_first_of(".="));
        while (setting.ends_with(' '))
            setting.remove_suffix(1);
        while (setting.starts_with(' '))
            setting.remove_prefix(1);
        return setting;
    }
    return std::nullopt;
}

std::optional<std::string> refused_argument(const std::vector<std::string>& args, std::size_t index,
                                            const SessionConfig& /*session*/) {
    for (const char* name : {"--profile", "-p", "--oss", "--local-provider"})
        if (is_option(args[index], name)) return "would change the provider";
    for (const char* name : {"--model", "-m"})
        if (is_option(args[index], name))
            return "Codex takes only one model; [codex] model and [codex.providers.<id>] model say which";
    const auto setting = setting_of(args, index);
    if (!setting || std::ranges::find(pinned_settings, *setting) == pinned_settings.end()) return std::nullopt;
    return "would change " + std::string(*setting) + ", which the route sets";
}

/// Only the shape of the entry is judged, and that is the same for every model.
Result<std::string> sample_list(const ModelList& own) {
    Model facts;
    facts.context_window = 100'000;
    return derive_codex_models(own, {"derived-model", "capsuled", facts});
}

std::vector<std::string> reading_list(const std::string& file) {
    return {"debug", "models", "-c", "model_catalog_json=\"" + file + "\""};
}

/// Without --bundled Codex asks its vendor's server when it is logged in; in the home that it is asked in it never is.
/// Versions that lack the flag print the same without it.
const ModelListQuestion model_list{
    {{"debug", "models", "--bundled"}, {"debug", "models"}},
    codex_model_list,
    sample_list,
    reading_list,
};

/// It then takes the session's directory for the project's root, and looks at none above it.
bool leave_project_out(Plan& plan, const std::string& from) {
    plan.argv.insert(plan.argv.begin() + 1, {{"-c", from}, {"project_root_markers=[]", from}});
    return true;
}

}  // namespace

const AgentDescriptor codex_agent{
    .agent = Agent::codex,
    .read_cell = read_cell,
    .read_model = read_model,
    .check_among_others = check_among_others,
    .refused_argument = refused_argument,
    .look_at_home = look_at_codex_home,
    .render = render_codex,
    .brokered = brokered_codex,
    .files = codex_files,
    .model_list = &model_list,
    .settings_places = codex_settings_places,
    .survey = survey_codex,
    // It has no switch that keeps a project's settings out: what is not trusted is not read.
    .project_cure = "Codex reads a project's only if you trust that project.",
    .leave_project_out = leave_project_out,
};

}  // namespace capsule
