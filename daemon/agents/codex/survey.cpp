// What Codex's configuration could do to a session, and which -c argument holds against it. Codex takes no address and
// no provider from a project's configuration.
#include "daemon/agents/codex/agent.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/survey_parts.hpp"

namespace capsule {

namespace {

constexpr std::string_view codex_itself = "Codex takes none of a project";

void survey_address(Findings& findings, const toml::table& file) {
    const bool own_key = findings.has_variable("OPENAI_API_KEY");
    if (file.contains("openai_base_url")) {
        std::string_view by = findings.route().native ? (own_key ? "-c openai_base_url" : "") : "-c model_provider";
        if (findings.project()) by = codex_itself;
        findings.add("openai_base_url", other_address, by);
    }
    if (file.contains("chatgpt_base_url")) {
        const std::string_view by = findings.project()        ? codex_itself
                                    : findings.route().native ? ""
                                                              : "-c model_provider";
        findings.add("chatgpt_base_url", other_address, by);
    }
    // A session with a key of its own needs no login.
    if (file.contains("cli_auth_credentials_store") && findings.route().native && !own_key)
        findings.add_of_project("cli_auth_credentials_store", other_key);
    if (file.contains("model_provider")) findings.add("model_provider", other_provider, "-c model_provider");
    if (file.contains("profile")) findings.add("profile", other_provider, "-c model_provider");
}

constexpr std::string_view another_model = "asks this provider for another model";

/// A role's own file may name a model; no argument outranks it.
void survey_agents(Findings& findings, const toml::table& file) {
    const toml::table* agents = file["agents"].as_table();
    if (!agents) return;
    if (agents->contains("default_subagent_model"))
        findings.add("agents.default_subagent_model", another_model,
                     findings.project() ? "" : "-c agents.default_subagent_model");
    for (const auto& [name, role] : *agents)
        if (const toml::table* table = role.as_table(); table && table->contains("config_file"))
            findings.add("agents." + shown_name(name.str()) + ".config_file", another_model, "");
}

/// The file of a role itself.
void survey_role(Findings& findings, const toml::table& file) {
    if (!findings.route().native && file.contains("model")) findings.add("model", another_model, "");
}

void survey_model(Findings& findings, const toml::table& file) {
    if (file.contains("model")) {
        if (findings.route().model) {
            findings.add("model", other_model, "-m");
        } else {
            findings.add_of_project("model", other_model);  // in the home it is the user's own choice
        }
    }
    if (findings.route().native) return;
    if (file.contains("review_model")) findings.add("review_model", another_model, "-c review_model");
    if (const toml::table* memories = file["memories"].as_table())
        for (const char* name : {"extract_model", "consolidation_model"})
            if (memories->contains(name))
                findings.add("memories." + std::string(name), another_model, "-c memories." + std::string(name));
    survey_agents(findings, file);
    if (file.contains("model_catalog_json")) findings.add("model_catalog_json", other_model, "-c model_catalog_json");
}

/// Where prompts and answers are posted besides. Codex posts to its vendor where a word stands in the place of a table.
void survey_telemetry(Findings& findings, const toml::table& file) {
    const toml::table* otel = file["otel"].as_table();
    if (!otel) return;
    for (const char* name : {"exporter", "trace_exporter", "metrics_exporter"})
        if ((*otel)[name].is_table())
            findings.add("otel." + std::string(name), sends_out, findings.project() ? codex_itself : "");
}

void survey_tables(Findings& findings, const toml::table& file) {
    // Codex would merge a table of the session's provider into it, so that the session's has another name.
    const std::string own = "capsule-" + findings.route().provider->id;
    if (!findings.route().native && file["model_providers"][own].is_table())
        findings.add("model_providers." + own, adds_to_requests,
                     findings.project() ? codex_itself : "-c model_provider");
    if (const toml::table* servers = file["mcp_servers"].as_table())
        for (const auto& [name, server] : *servers)
            findings.add_of_project("mcp_servers." + shown_name(name.str()), names_server);
}

}  // namespace

void survey_codex(Findings& findings, std::string_view text) {
    if (findings.place().format == SettingsFormat::codex_places) {
        if (!text.empty())
            findings.add("environments", "may have commands run elsewhere, and instructions read there", "");
        return;
    }
    const HomeFacts* facts = findings.session().facts;
    const auto file = codex_config_file(text, facts ? codex_home(*facts).config_file : nullptr);
    const toml::parse_result& parsed = file->parsed;
    // Codex has neither of these limits, and its TOML may be of another version.
    if (!parsed) {
        std::string why = why_not_parsed(text).value_or("capsuled cannot read it as TOML");
        return findings.not_read({ErrorCode::io_error, std::move(why), ""});
    }
    if (findings.place().format == SettingsFormat::codex_role) return survey_role(findings, parsed.table());
    survey_address(findings, parsed.table());
    survey_model(findings, parsed.table());
    survey_telemetry(findings, parsed.table());
    survey_tables(findings, parsed.table());
}

std::vector<SettingsPlace> codex_settings_places(const SessionHome& home, const std::vector<std::string>& directories) {
    std::vector<SettingsPlace> places;
    add_project(places, directories, ".codex/config.toml", SettingsFormat::codex_config);
    add_project(places, directories, ".codex/agents", SettingsFormat::codex_role, true);
    places.push_back({home.codex_directory() + "/config.toml", SettingsOwner::home, SettingsFormat::codex_config});
    places.push_back(
        {home.codex_directory() + "/environments.toml", SettingsOwner::home, SettingsFormat::codex_places});
    for (const std::string_view name : codex_machine_files)
        places.push_back({std::string(name), SettingsOwner::machine, SettingsFormat::codex_config});
    places.push_back({home.codex_directory() + "/agents", SettingsOwner::home, SettingsFormat::codex_role, true});
    return places;
}

}  // namespace capsule
