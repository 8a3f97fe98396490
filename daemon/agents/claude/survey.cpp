// What Claude Code's settings could do to a session, and which pin holds against it (docs/agents.md says how each was
// measured).
#include <algorithm>
#include <array>

#include "daemon/agents/claude/agent.hpp"
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/survey_parts.hpp"
#include "daemon/catalog/variables.hpp"

namespace capsule {

namespace {

namespace json = boost::json;

// What Claude Code 2.1.197 drops from the `env` of every settings file where its provider is managed by the host.
constexpr std::array dropped = std::to_array<std::string_view>({"ANTHROPIC_API_KEY",
                                                                "ANTHROPIC_AUTH_TOKEN",
                                                                "ANTHROPIC_AWS_API_KEY",
                                                                "ANTHROPIC_AWS_BASE_URL",
                                                                "ANTHROPIC_AWS_WORKSPACE_ID",
                                                                "ANTHROPIC_BASE_URL",
                                                                "ANTHROPIC_BEDROCK_BASE_URL",
                                                                "ANTHROPIC_BEDROCK_MANTLE_API_KEY",
                                                                "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
                                                                "ANTHROPIC_BEDROCK_SERVICE_TIER",
                                                                "ANTHROPIC_DEFAULT_*",
                                                                "ANTHROPIC_FOUNDRY_API_KEY",
                                                                "ANTHROPIC_FOUNDRY_BASE_URL",
                                                                "ANTHROPIC_FOUNDRY_RESOURCE",
                                                                "ANTHROPIC_MODEL",
                                                                "ANTHROPIC_SMALL_FAST_MODEL",
                                                                "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION",
                                                                "ANTHROPIC_VERTEX_BASE_URL",
                                                                "ANTHROPIC_VERTEX_PROJECT_ID",
                                                                "AWS_BEARER_TOKEN_BEDROCK",
                                                                "CLAUDE_CODE_ARTIFACTS_API_BASE_URL",
                                                                "CLAUDE_CODE_HOST_AUTH_ENV_VAR",
                                                                "CLAUDE_CODE_OAUTH_TOKEN",
                                                                "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
                                                                "CLAUDE_CODE_SKIP_*",
                                                                "CLAUDE_CODE_SUBAGENT_MODEL",
                                                                "CLAUDE_CODE_USE_ANTHROPIC_AWS",
                                                                "CLAUDE_CODE_USE_BEDROCK",
                                                                "CLAUDE_CODE_USE_FOUNDRY",
                                                                "CLAUDE_CODE_USE_GATEWAY",
                                                                "CLAUDE_CODE_USE_MANTLE",
                                                                "CLAUDE_CODE_USE_VERTEX",
                                                                "CLOUD_ML_REGION",
                                                                "HTTPS_PROXY",
                                                                "HTTP_PROXY",
                                                                "NO_PROXY",
                                                                "VERTEX_REGION_CLAUDE_*",
                                                                "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL"});

// Held by --settings (render.cpp).
constexpr std::array held = std::to_array<std::string_view>({"ANTHROPIC_BETAS", "ANTHROPIC_CUSTOM_HEADERS",
                                                             "BETA_TRACING_ENDPOINT", "CLAUDE_CODE_ENABLE_TELEMETRY",
                                                             "CLAUDE_CODE_EXTRA_BODY", "ENABLE_BETA_TRACING_DETAILED"});

// Commands that Claude Code runs besides hooks.
constexpr std::array commands =
    std::to_array<std::string_view>({"awsAuthRefresh", "awsCredentialExport", "fileSuggestion", "gcpAuthRefresh",
                                     "otelHeadersHelper", "proxyAuthHelper", "statusLine", "subagentStatusLine"});

bool is_dropped(std::string_view name) {
    return std::ranges::any_of(dropped, [&](std::string_view pattern) { return matches(pattern, name); });
}

bool is_login_proxy(const Findings& findings, std::string_view name) {
    return findings.has_variable(claude_login_variable) &&
           std::ranges::find(claude_login_proxies, name) != std::end(claude_login_proxies);
}

bool is_login_profile(const Findings& findings, std::string_view name) {
    return findings.has_variable(claude_login_variable) &&
           std::ranges::find(claude_login_profiles, name) != std::end(claude_login_profiles);
}

/// Where there is no telemetry, its address changes nothing.
bool is_telemetry_address(const Findings& findings, std::string_view name) {
    return sends_telemetry(findings.session().plan) &&
           std::ranges::find(claude_telemetry_addresses, name) != std::end(claude_telemetry_addresses);
}

bool is_held(const Findings& findings, std::string_view name) {
    if (std::ranges::find(held, name) != held.end() || findings.route().cell().env.contains(std::string(name)) ||
        is_login_proxy(findings, name) || is_login_profile(findings, name) || is_telemetry_address(findings, name) ||
        std::ranges::find(claude_held_proxies, name) != std::end(claude_held_proxies))
        return can_hold(findings.session().plan, name);
    return (name == "API_TIMEOUT_MS" || name == "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC") &&
           findings.has_variable(name);
}

std::string_view effect_of(std::string_view name) {
    const auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
    if (has("MODEL")) return other_model;
    if (has("TRACING") || has("TELEMETRY") || has("OTLP")) return sends_out;
    if (has("URL") || has("PROXY") || has("proxy") || has("SOCKET")) return other_address;
    if (has("KEY") || has("TOKEN") || has("AUTH")) return other_key;
    if (has("_USE_")) return other_provider;
    return adds_to_requests;
}

void survey_variable(Findings& findings, const std::string& name) {
    std::string by;
    if (is_dropped(name) && !is_login_proxy(findings, name)) {
        by = findings.has_variable(claude_login_variable) ? std::string(claude_login_variable)
                                                          : std::string(claude_managed_variable) + "=1";
    } else if (name == claude_socket_variable && findings.has_variable(name)) {
        by = "CLAUDE_CODE_ENVIRONMENT_KIND=byoc";
    } else if (is_held(findings, name)) {
        if (!findings.machine()) by = "--settings";
    } else if (!is_reserved(name) && !is_login_proxy(findings, name) && !is_telemetry_address(findings, name) &&
               std::ranges::find(claude_held_proxies, name) == std::end(claude_held_proxies)) {
        return;
    }
    findings.add("env." + name, effect_of(name), by);
}

void survey_variables(Findings& findings, const json::object& settings) {
    const json::value* env = settings.if_contains("env");
    if (!env || !env->is_object()) return;
    for (const auto& member : env->get_object())
        if (is_variable_name(member.key())) survey_variable(findings, member.key());
}

void survey_model(Findings& findings, const json::object& settings) {
    // A session on its own account takes the model that the settings name, unless the route names one by --model.
    if (settings.contains("model")) {
        if (!findings.route().native) findings.add("model", other_model, "ANTHROPIC_MODEL");
        if (findings.route().native && findings.route().model) findings.add("model", other_model, "--model");
    }
    if (findings.route().native) return;
    if (settings.contains("modelOverrides")) findings.add("modelOverrides", other_model, "ANTHROPIC_DEFAULT_*_MODEL");
    if (settings.contains("agent"))
        findings.add_of_project("agent", "has one of its agents lead this session, on a model that this one names");
    for (const char* name : {"availableModels", "enforceAvailableModels"})
        if (settings.contains(name)) findings.add(name, other_model, findings.machine() ? "" : "--settings");
}

/// The pin that keeps apiKeyHelper and the home's earlier login (primaryApiKey) from the session. Which pin it is
/// depends on the variable that carries the session's key.
std::string_view helper_held_by(const Findings& findings) {
    if (findings.has_variable("ANTHROPIC_API_KEY")) return "ANTHROPIC_API_KEY";
    const bool token =
        findings.has_variable("ANTHROPIC_AUTH_TOKEN") || findings.has_variable(claude_oauth_token_variable);
    return token && !findings.machine() ? "--settings" : "";
}

void survey_code(Findings& findings, const json::object& settings) {
    if (settings.contains("apiKeyHelper")) findings.add("apiKeyHelper", other_key, helper_held_by(findings));
    for (const char* name : {"hooks", "enabledPlugins"})
        if (settings.contains(name)) findings.add_of_project(name, runs_code);
    for (const std::string_view name : commands)
        if (settings.contains(name)) findings.add_of_project(std::string(name), runs_code);
}

void survey_servers(Findings& findings, const json::object& file) {
    const json::value* servers = file.if_contains("mcpServers");
    if (!servers || !servers->is_object()) return;
    for (const auto& server : servers->get_object())
        findings.add_of_project("mcpServers." + shown_name(server.key()), names_server);
}

/// A subagent that names a tier, or no model, gets the route's models. Any other name reaches the provider as it
/// stands.
void survey_definition(Findings& findings, std::string_view text) {
    constexpr std::array tiers = std::to_array<std::string_view>({"", "inherit", "opus", "sonnet", "haiku", "fable"});
    if (findings.route().native || std::ranges::find(tiers, head_value(text, "model")) != tiers.end()) return;
    findings.add("model", "has this subagent ask the session's provider for another model", "");
}

/// Claude Code takes half a surrogate pair, bytes that are no UTF-8, and settings in UTF-16.
bool may_be_text_of_another_kind(std::string_view text) {
    return text.find("\\ud") != text.npos || text.find("\\uD") != text.npos ||
           std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

bool may_name_a_socket(std::string_view text, const std::vector<FoundSetting>& settings) {
    if (settings.size() >= max_findings || !read_settings_json(text)) return true;
    const std::string member = "env." + std::string(claude_socket_variable);
    return std::ranges::any_of(
        settings, [&](const FoundSetting& setting) { return setting.member == member && !setting.neutralised_by; });
}

void survey_claude(Findings& findings, std::string_view text) {
    if (findings.place().format == SettingsFormat::agent_definition) return survey_definition(findings, text);
    const auto file = read_settings_json(text);
    if (!file && file.error().code == ErrorCode::parse_error && may_be_text_of_another_kind(text))
        findings.add_of_project("(no JSON)", read_otherwise);
    if (!file) return findings.not_read(file.error());
    switch (findings.place().format) {
        case SettingsFormat::claude_settings:
            survey_variables(findings, *file);
            survey_model(findings, *file);
            survey_code(findings, *file);
            break;
        case SettingsFormat::claude_json:
            survey_variables(findings, *file);
            if (file->contains("primaryApiKey")) findings.add("primaryApiKey", other_key, helper_held_by(findings));
            break;
        default:
            survey_servers(findings, *file);
    }
}

std::vector<SettingsPlace> claude_settings_places(const SessionHome& home,
                                                  const std::vector<std::string>& directories) {
    std::vector<SettingsPlace> places;
    // Claude Code reads settings.json in the session's directory only, and settings.local.json in the repository's
    // root, too (of a linked worktree: the main checkout's); agents and servers in all directories above it.
    if (!directories.empty())
        places.push_back(
            {directories.front() + "/.claude/settings.json", SettingsOwner::project, SettingsFormat::claude_settings});
    add_project(places, directories, ".claude/settings.local.json", SettingsFormat::claude_settings);
    add_project(places, directories, ".mcp.json", SettingsFormat::mcp_json);
    add_project(places, directories, ".claude/agents", SettingsFormat::agent_definition, true);
    const std::string own = home.claude_config_dir.value_or(home.home + "/.claude");
    places.push_back({own + "/settings.json", SettingsOwner::home, SettingsFormat::claude_settings});
    // Claude Code keeps its history of all projects there, so it may be long.
    places.push_back({home.claude_json(), SettingsOwner::home, SettingsFormat::claude_json, false, 4 * 1024 * 1024});
    places.push_back(
        {"/etc/claude-code/managed-settings.json", SettingsOwner::machine, SettingsFormat::claude_settings});
    return places;
}

}  // namespace capsule
