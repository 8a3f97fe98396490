// A Codex session. Its -c arguments outrank every config file, so the route needs no file on disk. The files
// (files.cpp) are for a Codex that is started by hand.
#include <algorithm>
#include <array>

#include "daemon/agents/build.hpp"
#include "daemon/agents/codex/agent.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/codex/files.hpp"
#include "daemon/agents/quoting.hpp"
#include "daemon/catalog/key_state.hpp"

namespace capsule {

namespace {

void add_override(Plan& plan, std::string_view key, std::string_view value, std::string_view from) {
    add_argument(plan, "-c", from);
    add_argument(plan, std::string(key) + "=" + std::string(value), from);
}

void add_model(Plan& plan, const Located<std::string>& model) {
    add_argument(plan, "-m", model.origin);
    add_argument(plan, model.value, model.origin);
}

/// Codex takes a -c value that is no TOML as it stands, so an ordinary path needs no quotes.
std::string path_value(const std::string& path) {
    const bool ordinary = std::ranges::all_of(path, [](char c) { return c == '/' || stays_in_a_file_name(c); });
    return ordinary ? path : toml_string(path);
}

/// Codex lets ~/.codex/.env override its environment, so a key there would replace the session's.
Result<void> refuse_dotenv(const SessionInputs& inputs, std::string_view variable) {
    const std::vector<std::string>& names = inputs.facts.codex_dotenv_names;
    if (std::ranges::find(names, variable) == names.end()) return {};
    const std::string path = inputs.home.codex_directory() + "/.env";
    return Error{ErrorCode::config_conflict,
                 path + " sets " + std::string(variable) + ", which would replace this session's key",
                 "Remove " + std::string(variable) + " from " + path + "; capsuled gives Codex the key."};
}

/// What else that file can set: a proxy, or whom to trust. Operators may want it, so it only warns.
void warn_of_dotenv(Plan& plan, const SessionInputs& inputs) {
    constexpr std::array<std::string_view, 3> trusted{"SSL_CERT_FILE", "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE"};
    for (const std::string& name : inputs.facts.codex_dotenv_names) {
        const bool proxy = name.ends_with("_PROXY") || name.ends_with("_proxy");
        if (!proxy && !name.starts_with("OPENAI_") && std::ranges::find(trusted, name) == trusted.end()) continue;
        plan.warnings.push_back({"codex.dotenv", inputs.home.codex_directory() + "/.env sets " + name +
                                                     ", which Codex takes over its environment. Remove it there unless "
                                                     "you mean it."});
    }
}

Result<void> render_own_account(Plan& plan, const Route& route, const SessionInputs& inputs) {
    add_override(plan, "model_provider", toml_string(route.provider->id), from_capsuled);
    if (route.model) add_model(plan, *route.model);
    if (!inputs.key || inputs.facts.codex_auth_json) return {};
    if (Result<void> fine = refuse_dotenv(inputs, "OPENAI_API_KEY"); !fine) return fine;
    // Without this, openai_base_url in config.toml would have the key sent to another address.
    add_override(plan, "openai_base_url", toml_string("https://api.openai.com/v1"), from_capsuled);
    set_key(plan, "OPENAI_API_KEY", inputs);
    // `codex exec` reads only this one.
    set_key(plan, "CODEX_API_KEY", inputs);
    return {};
}

const Cell& cell_of(const Provider& provider) {
    return provider.cell(Agent::codex);
}

std::string provider_table(const Provider& provider) {
    return "{name=" + toml_string(provider.label) + ",base_url=" + toml_string(cell_of(provider).base_url) +
           ",env_key=" + toml_string(provider.key_env) + ",wire_api=" + toml_string(codex_wire_api) + "}";
}

Result<void> render_other_backend(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Provider& provider = *route.provider;
    if (Result<void> fine = refuse_dotenv(inputs, provider.key_env); !fine) return fine;
    set_key(plan, provider.key_env, inputs);
    set_variable(plan, "JACKIN_CODEX_PROFILE", codex_cell(cell_of(provider)).profile, provider.origin);
    add_argument(plan, "--profile", provider.origin);
    add_argument(plan, codex_cell(cell_of(provider)).profile, provider.origin);
    add_model(plan, *route.model);
    add_override(plan, "model_provider", toml_string(provider.id), provider.origin);
    add_override(plan, "model_providers." + provider.id, provider_table(provider), provider.origin);
    return {};
}

}  // namespace

Result<void> render_codex(Plan& plan, const Route& route, const SessionInputs& inputs) {
    add_argument(plan, "codex", from_capsuled);
    CodexFiles files = render_codex_files(inputs, &route);
    if (route.native) {
        files.warnings.clear();  // it names no catalog
        if (Result<void> done = render_own_account(plan, route, inputs); !done) return done;
    } else {
        if (!inputs.key) return key_absent(*route.provider, KeyState::absent);
        if (!route.model || route.model->value.empty())
            return Error{ErrorCode::config_conflict, route.provider->label + " has no model for Codex",
                         "Set model in [providers." + route.provider->id + ".codex]."};
        if (Result<void> done = render_other_backend(plan, route, inputs); !done) return done;
        if (files.session_catalog)
            add_override(plan, "model_catalog_json", path_value(*files.session_catalog), "codex debug models");
    }
    warn_of_dotenv(plan, inputs);
    std::ranges::move(files.intents, std::back_inserter(plan.files));
    std::ranges::move(files.warnings, std::back_inserter(plan.warnings));
    add_configured_arguments(plan, Agent::codex, inputs.config);
    return {};
}

}  // namespace capsule
