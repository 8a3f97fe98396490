// Claude Code: environment variables alone. CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST makes it ignore provider variables
// in every settings file, so that neither a repository nor the home can send the session elsewhere.
#include <algorithm>

#include "daemon/render/build.hpp"
#include "daemon/routing/choices.hpp"

namespace capsule {

namespace {

constexpr std::string_view oauth_variable = "CLAUDE_CODE_OAUTH_TOKEN";
constexpr std::string_view api_key_variable = "ANTHROPIC_API_KEY";
constexpr std::string_view auth_token_variable = "ANTHROPIC_AUTH_TOKEN";

/// An API key, unlike a token, is asked about at the first interactive start, with No as the default.
void set_api_key(Plan& plan, const SessionInputs& inputs) {
    constexpr std::size_t remembered = 20;
    const std::string_view key = inputs.key->reveal();
    const std::string_view tail = key.substr(key.size() - std::min(key.size(), remembered));
    set_key(plan, std::string(api_key_variable), inputs);
    plan.files.emplace_back(ClaudeApprovalIntent{inputs.home.claude_json(), std::string(tail)});
}

/// Never both: Claude Code would bill the API key.
void render_own_account(Plan& plan, const Route& route, const SessionInputs& inputs) {
    if (route.model) {
        add_argument(plan, "--model", route.model->origin);
        add_argument(plan, route.model->value, route.model->origin);
    }
    if (!inputs.key) return;
    if (inputs.key_variable == oauth_variable) {
        set_key(plan, std::string(oauth_variable), inputs);
    } else {
        set_api_key(plan, inputs);
    }
}

void set_tier(Plan& plan, const std::string& tier, const Located<std::string>& model) {
    set_variable(plan, "ANTHROPIC_DEFAULT_" + tier + "_MODEL", model.value, model.origin);
}

void render_other_backend(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Provider& provider = *route.provider;
    for (const auto& [name, value] : provider.claude.env)
        set_variable(plan, name, value.value, value.origin);
    set_variable(plan, "ANTHROPIC_BASE_URL", provider.claude.base_url, provider.origin);
    if (provider.claude.auth == ClaudeAuth::api_key) {
        set_api_key(plan, inputs);
    } else {
        set_key(plan, std::string(auth_token_variable), inputs);
    }
    set_tier(plan, "OPUS", *route.model);
    set_tier(plan, "SONNET", route.sonnet_model);
    set_tier(plan, "HAIKU", route.haiku_model);
    // Without this the fourth tier's own name, claude-fable-5, would go to the provider.
    set_tier(plan, "FABLE", *route.model);
    // A project's `model` setting loses to it, and --model still wins.
    set_variable(plan, "ANTHROPIC_MODEL", "opus", from_capsuled);
    if (provider.timeout_ms > 0)
        set_variable(plan, "API_TIMEOUT_MS", std::to_string(provider.timeout_ms), provider.origin);
    set_variable(plan, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1", from_capsuled);
}

}  // namespace

Result<void> render_claude(Plan& plan, const Route& route, const SessionInputs& inputs) {
    if (!route.native && !inputs.key) return key_absent(*route.provider, KeyState::absent);
    if (!route.native && !route.model)
        return Error{ErrorCode::config_conflict, route.provider->label + " has no model for Claude Code",
                     "Set opus_model, sonnet_model and haiku_model in [providers." + route.provider->id + ".claude]."};
    add_argument(plan, "claude", from_capsuled);
    set_variable(plan, "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1", from_capsuled);
    if (route.native) {
        render_own_account(plan, route, inputs);
    } else {
        render_other_backend(plan, route, inputs);
    }
    if (inputs.config.session.project_settings == ProjectSettings::ignore) {
        add_argument(plan, "--setting-sources", "capsule.toml: [session] project_settings");
        add_argument(plan, "user", "capsule.toml: [session] project_settings");
    }
    add_configured_arguments(plan, Agent::claude, inputs.config);
    return {};
}

}  // namespace capsule
