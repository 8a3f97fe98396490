// Claude Code's descriptor, and how its tables in the catalog and in capsule.toml are read.
#include "daemon/agents/claude/agent.hpp"

#include <algorithm>
#include <array>

#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/list.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"

namespace capsule {
namespace {

constexpr auto tier_names = std::to_array<std::string_view>({"opus", "sonnet", "haiku"});
constexpr auto account_variables = std::to_array<std::string_view>({claude_oauth_token_variable});

void read_variables(TableReader& in, std::map<std::string, Located<std::string>>& variables) {
    in.hide_values();
    for (const TableReader::Entry& entry : in.entries()) {
        if (!is_variable_name(entry.name)) in.refuse(entry, "this is no variable name", variable_name_hint);
        if (const auto problem = why_not_in_env(entry.name)) in.refuse(entry, *problem, "Remove it.");
        std::string value(in.text_of(entry));
        if (value.find('\0') != value.npos) in.refuse(entry, "the value has a NUL character");
        variables[entry.name] = {std::move(value), in.origin_of(entry)};
    }
}

void read_cell(TableReader& in, const Provider& /*provider*/, Cell& cell) {
    read_base_url(in, cell.base_url);
    ClaudeCell own = claude_cell(cell);
    own.auth = in.word<ClaudeAuth>("auth", {{"auth_token", ClaudeAuth::auth_token}, {"api_key", ClaudeAuth::api_key}})
                   .value_or(own.auth);
    cell.details = own;
    Located<std::string>& sonnet = cell.tiers["sonnet"];
    Located<std::string>& haiku = cell.tiers["haiku"];
    read_model_name(in, "opus_model", cell.model);
    read_model_name(in, "sonnet_model", sonnet);
    read_model_name(in, "haiku_model", haiku);
    if (cell.model.value.empty()) in.refuse_table("opus_model is missing");
    if (sonnet.value.empty()) sonnet = cell.model;
    if (haiku.value.empty()) haiku = cell.model;
    if (auto env = in.table("env")) read_variables(*env, cell.env);
}

void read_model(TableReader& in, ModelForAgent& model) {
    if (auto env = in.table("env")) read_variables(*env, model.env);
}

void check_among_others(TableReader& in, Provider& /*provider*/, const Catalog& catalog) {
    auto env = in.table("env");
    if (!env) return;
    for (const TableReader::Entry& entry : env->hide_values().entries())
        if (const Provider* owner = catalog.by_key_variable(entry.name))
            env->refuse(entry, entry.name + " is the key variable of " + owner->id, "Remove it.");
}

/// Claude Code's names for its tiers.
constexpr auto claude_aliases =
    std::to_array<std::string_view>({"opus", "sonnet", "haiku", "fable", "opusplan", "default", "best"});

/// One of its own aliases would reach another's backend as it stands.
std::optional<ModelConflict> alias_conflict(const Catalog& /*catalog*/, const Provider& provider,
                                            std::string_view model) {
    if (provider.kind(Agent::claude) != CellKind::routed) return std::nullopt;
    const std::string_view bare = model.substr(0, model.find('['));  // "sonnet[1m]"
    if (std::find(claude_aliases.begin(), claude_aliases.end(), bare) == claude_aliases.end()) return std::nullopt;
    return ModelConflict{quote(model) + " is Claude Code's name of a tier, not a model of " + provider.label,
                         "Name one of " + provider.label + "'s models, such as " +
                             in_quotes(provider.cell(Agent::claude).model.value) +
                             "; to start on another tier pass Claude Code `--model " + std::string(bare) + "`."};
}

void read_settings(TableReader& in, AgentConfig& out) {
    if (const auto native = in.word<ClaudeNative>("native", {{"auto", ClaudeNative::automatic},
                                                             {"oauth_token", ClaudeNative::oauth_token},
                                                             {"api_key", ClaudeNative::api_key},
                                                             {"home", ClaudeNative::home}}))
        out.own = ClaudeSettings{*native};
}

/// (--model is the operator's business: it picks a tier.)
std::optional<std::string> refused_argument(const std::vector<std::string>& args, std::size_t index,
                                            const SessionConfig& session) {
    if (is_option(args[index], "--settings"))
        return "Claude Code takes only the last --settings, and the route's own keeps projects from changing it; the "
               "home's .claude/settings.json takes other settings";
    if (session.project_settings == ProjectSettings::ignore && is_option(args[index], "--setting-sources"))
        return "would undo [session] project_settings = \"ignore\"";
    return std::nullopt;
}

Error credential_absent(const std::string& variable) {
    return {ErrorCode::key_absent, "[claude] native asks for " + variable + ", which is not set",
            "set " + variable + " for the daemon, or native = \"auto\""};
}

OwnCredentials own_credentials(const Config& config, const Provider& provider) {
    const std::string token{claude_oauth_token_variable};
    switch (claude_settings(config).native) {
        case ClaudeNative::automatic:
            return {{token, provider.key_env}, std::nullopt};
        case ClaudeNative::oauth_token:
            return {{token}, credential_absent(token)};
        case ClaudeNative::api_key:
            return {{provider.key_env}, credential_absent(provider.key_env)};
        case ClaudeNative::home:
            break;
    }
    return {};
}

std::any look_at_home(const SessionHome& home, const HomeReader& reader) {
    constexpr std::size_t largest_file = 16 * 1024 * 1024;  // it has the history of all projects
    const auto text = reader.text(home.claude_json(), largest_file);
    // Its name anywhere in the file counts. One too many costs a notice, one too few would send that key elsewhere.
    const auto may_be_there = [&](std::string_view file) {
        const std::string path(file);
        return reader.text(path, largest_file).has_value() || reader.is_unknown(path) || reader.others_can_make(path);
    };
    return ClaudeHome{.primary_key = text ? text->find("\"primaryApiKey\"") != std::string::npos
                                          : reader.is_unknown(home.claude_json()),
                      .others_key = may_be_there(claude_others_key_file),
                      .others_login = may_be_there(claude_others_login_file)};
}

bool needs_extra_pin(const SettingsPlace& place, const std::optional<std::string>& text,
                     const std::vector<FoundSetting>& settings, const SurveyedSession& /*session*/) {
    if (place.format == SettingsFormat::claude_settings) return !text || may_name_a_socket(*text, settings);
    // One that is too large to be looked at is the user's own with a long history, and no repository's.
    return place.format == SettingsFormat::claude_json && text && may_name_a_socket(*text, settings);
}

void add_extra_pin(Plan& plan, SurveyedSession& /*session*/) {
    hold_claude_socket(plan);
}

}  // namespace

const AgentDescriptor claude_agent{
    .agent = Agent::claude,
    .tiers = tier_names,
    .read_cell = read_cell,
    .read_model = read_model,
    .check_among_others = check_among_others,
    .model_conflict = alias_conflict,
    .read_settings = read_settings,
    .refused_argument = refused_argument,
    .account_variables = account_variables,
    .own_credentials = own_credentials,
    .look_at_home = look_at_home,
    .render = render_claude,
    .brokered = brokered_claude,
    .settings_places = claude_settings_places,
    .survey = survey_claude,
    .project_switch = "--setting-sources user",
    .project_cure = "[session] project_settings = \"ignore\" keeps it out.",
    .needs_extra_pin = needs_extra_pin,
    .add_extra_pin = add_extra_pin,
    .leave_project_out = leave_claude_project_out,
};

}  // namespace capsule
