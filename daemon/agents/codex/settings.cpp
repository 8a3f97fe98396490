#include "daemon/agents/codex/settings.hpp"

#include <algorithm>
#include <array>

namespace capsule {
namespace {

std::string text_of(const toml::table& table, std::string_view key) {
    const auto* value = table[key].as_string();
    return value ? value->get() : std::string();
}

void add_stop(CodexUserSettings& settings, const toml::node& at, std::string what, std::string cure) {
    const std::size_t line = at.source().begin.line;
    if (settings.stop && settings.stop->line <= line) return;
    settings.stop = {line, std::move(what), std::move(cure)};
}

/// What is wrong with a provider's table: what stands in it before what does not.
void look_for_stops_in(const toml::table& table, const std::string& name, CodexUserSettings& settings) {
    if (text_of(table, "wire_api") == "chat")
        return add_stop(settings, *table.get("wire_api"), "wire_api = \"chat\" of " + name,
                        "write \"responses\" there if that provider has a Responses API, or remove the table");
    if (table.contains("auth") && table.contains("env_key"))
        return add_stop(settings, *table.get("auth"), name + ".auth beside its env_key", "remove one of the two");
    if (text_of(table, "name").find_first_not_of(" \t\r\n") == std::string::npos)
        add_stop(settings, table, name + ", which has no name,", "write one there (name = \"…\"), or remove the table");
}

void look_for_stops(const toml::table& file, CodexUserSettings& settings) {
    if (const toml::node* profile = file.get("profile"))
        add_stop(settings, *profile, "the legacy setting \"profile\"",
                 "remove the line; choose a profile with codex --profile NAME, kept in NAME.config.toml");
    const toml::table* providers = file["model_providers"].as_table();
    if (!providers) return;
    for (const auto& [id, node] : *providers) {
        const std::string name = "model_providers." + std::string(id.str());
        if (is_codex_provider(id.str()))
            add_stop(settings, node, name + ", a name that is Codex's own,", "give that provider another name");
        const toml::table* table = node.as_table();
        if (table) look_for_stops_in(*table, name, settings);
    }
}

}  // namespace

bool is_codex_provider(std::string_view id) {
    constexpr std::array<std::string_view, 4> built_in{"openai", "ollama", "lmstudio", "amazon-bedrock"};
    return std::ranges::find(built_in, id) != built_in.end();
}

CodexUserSettings read_codex_settings(const toml::parse_result& config_toml) {
    CodexUserSettings settings;
    if (!config_toml) return settings;
    const toml::table& file = config_toml.table();
    settings.model = text_of(file, "model");
    settings.model_provider = text_of(file, "model_provider");
    settings.credentials_store = text_of(file, "cli_auth_credentials_store");
    settings.reasoning_effort = text_of(file, "model_reasoning_effort");
    settings.plan_reasoning_effort = file.contains("plan_mode_reasoning_effort");
    settings.model_catalog = file.contains("model_catalog_json");
    settings.context_window = file.contains("model_context_window") || file.contains("model_auto_compact_token_limit");
    if (const toml::table* agents = file["agents"].as_table()) {
        settings.subagent_model = agents->contains("default_subagent_model");
        settings.subagent_effort = agents->contains("default_subagent_reasoning_effort");
    }
    const toml::table* features = file["features"].as_table();
    settings.plugins =
        file.contains("plugins") || file.contains("marketplaces") || (features && features->contains("plugins"));
    look_for_stops(file, settings);
    return settings;
}

}  // namespace capsule
