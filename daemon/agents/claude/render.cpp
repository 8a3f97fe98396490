// Claude Code: environment variables, and --settings for what they cannot hold. One of them (claude_managed_variable)
// makes it ignore provider variables in every settings file, so that neither a repository nor the home can send the
// session elsewhere; other variables of those files it takes over its own environment, but not over --settings.
#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/agents/build.hpp"
#include "daemon/agents/claude/agent.hpp"
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/catalog/key_state.hpp"

namespace capsule {

namespace {

constexpr std::string_view oauth_variable = claude_oauth_token_variable;
constexpr std::string_view api_key_variable = "ANTHROPIC_API_KEY";
constexpr std::string_view auth_token_variable = "ANTHROPIC_AUTH_TOKEN";

/// Whoever has the workspace's or the role's own key may have another one without them.
std::string approved_name(const SessionInputs& inputs) {
    std::string name = inputs.key_variable;
    if (inputs.workspace) name += " workspace=" + *inputs.workspace;
    if (inputs.role) name += " role=" + *inputs.role;
    return name;
}

/// An API key, unlike a token, is asked about at the first interactive start, with No as the default. Claude Code
/// remembers the answer by the key's last characters (2.1.197: 20). As many must stay unknown.
void set_api_key(Plan& plan, const SessionInputs& inputs) {
    constexpr std::size_t remembered = 20, shortest = 2 * remembered;
    const std::string_view key = inputs.key->reveal();
    set_key(plan, std::string(api_key_variable), inputs);
    if (key.size() < shortest) {
        plan.warnings.push_back(
            {"claude.short_key",
             "Claude Code will ask once whether to use this key: say yes. The answer is not written in advance, since "
             "20 characters of the key would stand in .claude.json, and it has fewer than 40."});
        return;
    }
    plan.files.push_back(file_intent(ClaudeApprovalIntent{
        inputs.home.claude_json(), std::string(key.substr(key.size() - remembered)), approved_name(inputs)}));
}

/// Sets one credential only. With the token and an API key, Claude Code bills the API key.
void render_own_account(Plan& plan, const Route& route, const SessionInputs& inputs) {
    if (route.model) {
        add_argument(plan, "--model", route.model->origin);
        add_argument(plan, route.model->value, route.model->origin);
    }
    if (!inputs.key) {
        // A profile of Anthropic's SDK, in the home or where its settings.json leads, names an address of its own.
        set_variable(plan, "ANTHROPIC_BASE_URL", "https://api.anthropic.com", from_capsuled);
        return;
    }
    if (inputs.key_variable == oauth_variable) {
        set_key(plan, std::string(oauth_variable), inputs);
    } else {
        set_api_key(plan, inputs);
    }
}

void set_tier(Plan& plan, const std::string& tier, const Located<std::string>& model) {
    set_variable(plan, "ANTHROPIC_DEFAULT_" + tier + "_MODEL", model.value, model.origin);
}

std::vector<Located<std::string>> models_of(const Route& route) {
    std::vector<Located<std::string>> models{*route.model};
    for (const auto& [tier, model] : route.tiers)
        models.push_back(model);
    return models;
}

/// One window stands for all tiers, so the smallest of them. A tier of which none is known leaves the guess to Claude
/// Code.
void set_window(Plan& plan, const Route& route) {
    std::int64_t smallest = 0;
    std::string_view from;
    for (const Located<std::string>& model : models_of(route)) {
        const Model* facts = route.provider->model(model.value);
        if (!facts || facts->context_window == 0) return warn_of_unknown_model(plan, *route.provider, model.value);
        if (smallest != 0 && facts->context_window >= smallest) continue;
        smallest = facts->context_window;
        from = facts->origin;
    }
    for (const std::string_view name : claude_window_variables)
        set_variable(plan, std::string(name), std::to_string(smallest), from);
}

/// What the tiers' models need; of the main one where they differ.
void set_model_variables(Plan& plan, const Route& route) {
    const std::vector<Located<std::string>> models = models_of(route);
    for (auto model = models.rbegin(); model != models.rend(); ++model)
        if (const Model* facts = route.provider->model(model->value))
            for (const auto& [name, value] : facts->of(Agent::claude).env)
                pass_variable(plan, name, value.value, value.origin);
}

void render_other_backend(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Provider& provider = *route.provider;
    set_window(plan, route);
    set_model_variables(plan, route);
    for (const auto& [name, value] : route.cell().env)
        pass_variable(plan, name, value.value, value.origin);
    set_variable(plan, "ANTHROPIC_BASE_URL", session_url(inputs, route.cell().base_url),
                 session_url_from(inputs, provider.origin));
    if (claude_cell(route.cell()).auth == ClaudeAuth::api_key) {
        set_api_key(plan, inputs);
    } else {
        set_key(plan, std::string(auth_token_variable), inputs);
    }
    set_tier(plan, "OPUS", *route.model);
    set_tier(plan, "SONNET", route.tiers.at("sonnet"));
    set_tier(plan, "HAIKU", route.tiers.at("haiku"));
    // Claude Code asks the provider for claude-fable-5 where this is not set.
    set_tier(plan, "FABLE", *route.model);
    // It outranks the `model` setting of a project; --model outranks it.
    set_variable(plan, "ANTHROPIC_MODEL", "opus", from_capsuled);
    if (provider.timeout_ms > 0)
        set_variable(plan, "API_TIMEOUT_MS", std::to_string(provider.timeout_ms), provider.origin);
    set_variable(plan, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1", from_capsuled);
}

/// Has --settings give a variable the session's own value, or an empty one where the session has none. A settings file
/// could otherwise use it to add to the body and the headers of every request, or to have requests logged elsewhere.
void hold_variable(boost::json::object& env, const Plan& plan, std::string_view name) {
    if (!can_hold(plan, name)) return;  // an empty one would take the session's from it
    const auto found = plan.env.find(std::string(name));
    env[name] = found == plan.env.end() ? std::string_view() : found->second.reveal();
}

boost::json::object held_variables(const Plan& plan, const Route& route) {
    boost::json::object env;
    for (const char* name : {"ANTHROPIC_BETAS", "ANTHROPIC_CUSTOM_HEADERS", "BETA_TRACING_ENDPOINT",
                             "CLAUDE_CODE_ENABLE_TELEMETRY", "CLAUDE_CODE_EXTRA_BODY", "ENABLE_BETA_TRACING_DETAILED"})
        hold_variable(env, plan, name);
    for (const std::string_view name : claude_telemetry_addresses)
        if (sends_telemetry(plan)) hold_variable(env, plan, name);
    for (const std::string_view name : claude_held_proxies)
        hold_variable(env, plan, name);
    for (const std::string_view name : claude_login_proxies)
        if (plan.env.contains(std::string(claude_login_variable))) hold_variable(env, plan, name);
    for (const std::string_view name : claude_login_profiles)
        if (plan.env.contains(std::string(claude_login_variable))) hold_variable(env, plan, name);
    for (const auto& [name, value] : route.cell().env)
        hold_variable(env, plan, name);
    for (const Model& model : route.provider->models)
        for (const auto& [name, value] : model.of(Agent::claude).env)
            if (plan.env.contains(name)) hold_variable(env, plan, name);
    for (const std::string_view name : claude_window_variables)
        if (!route.native) hold_variable(env, plan, name);
    for (const char* name : {"API_TIMEOUT_MS", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"})
        if (plan.env.contains(name)) hold_variable(env, plan, name);
    return env;
}

/// Keeps other keys from the session. Claude Code sends the key of a settings file's helper, or of the home's earlier
/// login (primaryApiKey), as x-api-key to the session's provider. An empty helper in --settings hides other helpers.
/// The login's key is only hidden by a helper that prints a key: that one prints the session's token. Claude Code warns
/// where a token and a helper are both set, so the helper has a value only where the home has such a login. With an API
/// key in the environment Claude Code takes neither.
void hold_helper(boost::json::object& settings, const Plan& plan, bool primary_key) {
    const bool by_token = plan.env.contains(std::string(auth_token_variable));
    if (!by_token && !plan.env.contains(std::string(oauth_variable))) return;
    settings["apiKeyHelper"] = by_token && primary_key ? "printenv " + std::string(auth_token_variable) : std::string();
}

void add_settings(Plan& plan, const Route& route, const HomeFacts& facts) {
    boost::json::object settings;
    hold_helper(settings, plan, claude_home(facts).primary_key);
    // A settings file's availableModels would have claude-opus-4-8 asked for in the place of a provider's model.
    settings["enforceAvailableModels"] = false;
    // Its vendor is asked about each domain before a page of it is fetched, and the fetch fails without an answer.
    if (!route.native) settings["skipWebFetchPreflight"] = true;
    settings["env"] = held_variables(plan, route);
    add_argument(plan, "--settings", from_capsuled);
    add_argument(plan, boost::json::serialize(settings), from_capsuled);
}

/// With ALL_PROXY alone Claude Code sends what it asks its vendor to the proxy as it is, an API key with it; with
/// HTTPS_PROXY it asks the proxy for a tunnel first. (It goes past a SOCKS proxy.)
void tunnel_through_proxy(Plan& plan) {
    if (plan.env.contains("HTTPS_PROXY") || plan.env.contains("https_proxy")) return;
    for (const auto& [name, tunnel] : {std::pair{"ALL_PROXY", "HTTPS_PROXY"}, std::pair{"all_proxy", "https_proxy"}}) {
        const auto found = plan.env.find(name);
        if (found == plan.env.end() || found->second.reveal().empty()) continue;
        if (!found->second.reveal().starts_with("socks")) plan.env.insert_or_assign(tunnel, found->second);
    }
}

/// Nothing that a session can be given holds a key, but one under its own name, nor a login, but a credential. The
/// broker takes a key out.
Result<void> refuse_others_account(const Plan& plan, const SessionInputs& inputs) {
    const ClaudeHome& home = claude_home(inputs.facts);
    if (home.others_login && !inputs.key)
        return Error{
            ErrorCode::config_conflict,
            "Claude Code would use the login in " + std::string(claude_others_login_file) +
                " in the place of this home's. It is there, or another user can put it there",
            "remove that file and user claude's directory, or set CLAUDE_CODE_OAUTH_TOKEN or ANTHROPIC_API_KEY"};
    if (!home.others_key || inputs.broker_url || plan.env.contains(std::string(api_key_variable))) return {};
    return Error{ErrorCode::config_conflict,
                 "Claude Code would send the key in " + std::string(claude_others_key_file) +
                     " with each request of this session. It is there, or another user can put it there",
                 "remove that file and user claude's directory, or set [session] keys = \"broker\", which lets no "
                 "other key through"};
}

}  // namespace

bool can_hold(const Plan& plan, std::string_view name) {
    const auto found = plan.env.find(std::string(name));
    return found == plan.env.end() || !found->second.secret();
}

bool sends_telemetry(const Plan& plan) {
    const auto found = plan.env.find("CLAUDE_CODE_ENABLE_TELEMETRY");
    return found != plan.env.end() && !found->second.reveal().empty();
}

bool leave_claude_project_out(Plan& plan, const std::string& from) {
    // The prompts of a project's scheduled_tasks.json would be sent as the user's own.
    set_variable(plan, "CLAUDE_CODE_DISABLE_CRON", "1", from);
    std::erase(plan.unset, "CLAUDE_CODE_DISABLE_CRON");
    constexpr std::string_view option = "--setting-sources";
    if (std::ranges::any_of(plan.argv, [&](const Argument& each) { return is_option(each.value, option); }))
        return false;
    // Before all that the operator has added: "--" may be among it.
    plan.argv.insert(plan.argv.begin() + 1, {{std::string(option), from}, {"user", from}});
    return true;
}

void hold_claude_socket(Plan& plan) {
    // A settings file overrides a variable that is only empty here. Once one file has set the socket, no later file and
    // no --settings takes it back. In a "byoc" environment Claude Code lets no settings file override a variable.
    set_variable(plan, std::string(claude_socket_variable), "", from_capsuled);
    set_variable(plan, "CLAUDE_CODE_ENVIRONMENT_KIND", "byoc", from_capsuled);
    std::erase_if(plan.unset, [&](const std::string& name) { return plan.env.contains(name); });
}

/// Claude Code asks about an API key at its first start, remembers the answer by the key, and (seen with 2.1.197) takes
/// the key to api.anthropic.com, whatever base URL it has: a token would be sent there, and one more be remembered for
/// each session.
BrokeredRoute brokered_claude(const Route& route, std::string_view variable) {
    if (variable == oauth_variable)
        return {.why_not =
                    "CLAUDE_CODE_OAUTH_TOKEN is an account's login, which Claude Code uses at its vendor's own hosts"};
    if (route.native || claude_cell(route.cell()).auth == ClaudeAuth::api_key)
        return {.why_not = "Claude Code takes an ANTHROPIC_API_KEY to api.anthropic.com, too, past any other address"};
    return {.base_url = route.cell().base_url, .surface = "anthropic_messages"};
}

Result<void> render_claude(Plan& plan, const Route& route, const SessionInputs& inputs) {
    if (!route.native && !inputs.key) return key_absent(*route.provider, KeyState::absent);
    if (!route.native && !route.model)
        return Error{ErrorCode::config_conflict, route.provider->label + " has no model for Claude Code",
                     "Set opus_model, sonnet_model and haiku_model in [providers." + route.provider->id + ".claude]."};
    add_argument(plan, "claude", from_capsuled);
    if (inputs.key) set_variable(plan, std::string(claude_managed_variable), "1", from_capsuled);
    if (!inputs.key) set_variable(plan, std::string(claude_login_variable), std::string(oauth_variable), from_capsuled);
    if (route.native) {
        render_own_account(plan, route, inputs);
    } else {
        render_other_backend(plan, route, inputs);
    }
    if (Result<void> fine = refuse_others_account(plan, inputs); !fine) return fine;
    tunnel_through_proxy(plan);
    add_settings(plan, route, inputs.facts);
    if (inputs.config.session.project_settings == ProjectSettings::ignore)
        leave_claude_project_out(plan, "capsule.toml: [session] project_settings");
    add_configured_arguments(plan, Agent::claude, inputs.config);
    return {};
}

}  // namespace capsule
