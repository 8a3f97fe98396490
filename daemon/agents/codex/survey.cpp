// What Codex's configuration could do to a session, and which -c argument holds against it. Codex takes no address and
// no provider from a project's configuration.
#include "daemon/agents/codex/agent.hpp"
#include "daemon/agents/survey_parts.hpp"
#include "daemon/base/toml.hpp"

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
    if (file.contains("model_provider")) findings.add("model_provider", other_provider, "-c model_provider");
    if (file.contains("profile")) findings.add("profile", other_provider, "-c model_provider");
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
    if (file.contains("review_model"))
        findings.add("review_model", "asks this provider for another model to review", "");
    if (file.contains("model_catalog_json")) findings.add("model_catalog_json", other_model, "-c model_catalog_json");
}

/// Codex merges the pin with a table of the same name: members that both have are the pin's, other members stay.
void survey_own_table(Findings& findings, const toml::table& table, const std::string& member) {
    if (findings.project()) return findings.add(member, other_address, codex_itself);
    const toml::value<std::string>* address = table["base_url"].as_string();
    if (address && address->get() != findings.route().cell().base_url)
        findings.add(member + ".base_url", other_address, "-c " + member);
    for (const char* name : {"http_headers", "env_http_headers", "query_params"})
        if (table.contains(name)) findings.add(member + "." + name, adds_to_requests, "");
}

void survey_tables(Findings& findings, const toml::table& file) {
    const std::string& id = findings.route().provider->id;
    if (const toml::table* own = file["model_providers"][id].as_table(); own && !findings.route().native)
        survey_own_table(findings, *own, "model_providers." + id);
    if (const toml::table* servers = file["mcp_servers"].as_table())
        for (const auto& [name, server] : *servers)
            findings.add_of_project("mcp_servers." + shown_name(name.str()), names_server);
}

}  // namespace

void survey_codex(Findings& findings, std::string_view text) {
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) return;
    survey_address(findings, parsed.table());
    survey_model(findings, parsed.table());
    survey_tables(findings, parsed.table());
}

std::vector<SettingsPlace> codex_settings_places(const SessionHome& home, const std::vector<std::string>& directories) {
    std::vector<SettingsPlace> places;
    add_project(places, directories, ".codex/config.toml", SettingsFormat::codex_config);
    places.push_back({home.codex_directory() + "/config.toml", SettingsOwner::home, SettingsFormat::codex_config});
    for (const char* name : {"/etc/codex/config.toml", "/etc/codex/managed_config.toml"})
        places.push_back({name, SettingsOwner::machine, SettingsFormat::codex_config});
    return places;
}

}  // namespace capsule
