#include "daemon/config/load_agents.hpp"

#include <algorithm>
#include <array>

#include "daemon/catalog/cell.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/config/checks.hpp"

namespace capsule {
namespace {

/// Settings of Codex that its route pins by -c.
constexpr auto pinned_by_codex =
    std::to_array<std::string_view>({"model", "model_provider", "model_providers", "model_catalog_json", "profile",
                                     "profiles", "openai_base_url", "chatgpt_base_url", "oss_provider"});

/// Whether `argument` is the option itself or has its value attached: -p, -pNAME, --profile, --profile=NAME.
bool is_option(std::string_view argument, std::string_view name) {
    if (!argument.starts_with(name)) return false;
    const std::string_view rest = argument.substr(name.size());
    return rest.empty() || rest.starts_with('=') || !name.starts_with("--");
}

/// KEY of the -c KEY=VALUE that begins at `index`; none if another option does.
std::optional<std::string_view> codex_setting(const std::vector<std::string>& args, std::size_t index) {
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

/// Why the argument at `index` would defeat a pin or keep the agent from starting. Only what certainly would: the
/// operator's other arguments are the operator's business (Claude Code's --model among them, it picks a tier).
std::optional<std::string> defeated_pin(Agent agent, const std::vector<std::string>& args, std::size_t index,
                                        const SessionConfig& session) {
    const auto is_any = [&](std::initializer_list<std::string_view> names) {
        return std::any_of(names.begin(), names.end(),
                           [&](std::string_view name) { return is_option(args[index], name); });
    };
    switch (agent) {
        case Agent::claude:
            if (is_any({"--settings"}))
                return "Claude Code takes only the last --settings, and the route's own keeps projects from changing "
                       "it; "
                       "the home's .claude/settings.json takes other settings";
            if (session.project_settings == ProjectSettings::ignore && is_any({"--setting-sources"}))
                return "would undo [session] project_settings = \"ignore\"";
            break;
        case Agent::codex:
            if (is_any({"--profile", "-p", "--oss", "--local-provider"})) return "would change the provider";
            if (is_any({"--model", "-m"}))
                return "Codex takes only one model; [codex] model and [codex.providers.<id>] model say which";
            if (const auto key = codex_setting(args, index);
                key && std::find(pinned_by_codex.begin(), pinned_by_codex.end(), *key) != pinned_by_codex.end())
                return "would change " + std::string(*key) + ", which the route sets";
            break;
        case Agent::opencode:
            if (is_any({"--model", "-m"}))
                return "OpenCode takes only one model; [opencode.providers.<id>] model says which";
            break;
    }
    return std::nullopt;
}

void read_args(TableReader& in, Agent agent, const SessionConfig& session, AgentConfig& out) {
    const auto args = in.texts("args");
    if (!args) return;
    const std::vector<std::string>& list = args->value;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].find('\0') != std::string::npos) in.refuse_element("args", i, "the argument has a NUL character");
        if (const auto problem = defeated_pin(agent, list, i, session))
            in.refuse_element("args", i, in_quotes(list[i]) + ": " + *problem, "Remove the argument.");
    }
    out.args = *args;
}

void read_agent(TableReader& in, Agent agent, Config& config) {
    AgentConfig& out = config.agents[agent];
    read_args(in, agent, config.session, out);
    if (const auto provider = in.text("provider")) {
        check_cell(in, "provider", config.catalog, agent, provider->value);
        out.provider = *provider;
    }
    if (agent == Agent::claude)
        out.native = in.word<ClaudeNative>("native", {{"auto", ClaudeNative::automatic},
                                                      {"oauth_token", ClaudeNative::oauth_token},
                                                      {"api_key", ClaudeNative::api_key},
                                                      {"home", ClaudeNative::home}})
                         .value_or(out.native);
    in.finish();
}

void read_override(TableReader& in, const Catalog& catalog, Agent agent, const Provider& provider, ModelOverride& out) {
    const auto read = [&](std::string_view key, std::optional<Located<std::string>>& model) {
        model = in.text(key);
        if (!model) return;
        check_model_name(in, key, model->value);
        if (const auto conflict = model_conflict(catalog, agent, provider, model->value))
            in.refuse(key, conflict->message, conflict->hint);
    };
    read("model", out.model);
    if (agent == Agent::claude) {
        if (provider.cell(agent) == CellKind::native)
            for (const std::string_view tier : {"opus_model", "sonnet_model", "haiku_model"})
                if (in.has(tier))
                    in.refuse(tier, "Claude Code maps the tiers of its own account itself", "Use model instead.");
        read("opus_model", out.opus_model);
        read("sonnet_model", out.sonnet_model);
        read("haiku_model", out.haiku_model);
    }
    in.finish();
}

}  // namespace

void read_agents(TableReader& in, Config& config) {
    for (const AgentFacts& facts : all_agents)
        if (auto agent = in.table(facts.id)) read_agent(*agent, facts.agent, config);
    in.finish();
}

void read_models(TableReader& in, const Catalog& catalog, Agent agent, AgentModels& out) {
    if (const auto model = in.text("model")) {
        check_model_name(in, "model", model->value);
        for (const Provider& provider : catalog.providers)
            if (counts_as_native(agent, provider))
                if (const auto conflict = model_conflict(catalog, agent, provider, model->value))
                    in.refuse("model", conflict->message,
                              "This is the model of " + provider.label + "; for another provider write [" +
                                  std::string(id_of(agent)) + ".providers.<id>].");
        out.model = *model;
    }
    if (auto providers = in.table("providers"))
        for (auto& [entry, table] : providers->tables()) {
            const Provider& provider = check_cell(*providers, entry.name, catalog, agent, entry.name);
            read_override(table, catalog, agent, provider, out.providers[entry.name]);
        }
    in.finish();
}

}  // namespace capsule
