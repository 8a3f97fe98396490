// A Codex session. Its -c arguments outrank every config file, so the route needs no file on disk. The files
// (files.cpp) are for a Codex that is started by hand.
#include <algorithm>
#include <array>

#include "daemon/agents/build.hpp"
#include "daemon/agents/codex/agent.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/agents/codex/files.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/quoting.hpp"
#include "daemon/catalog/key_state.hpp"

namespace capsule {

namespace {

/// Codex's own provider. Without the argument that names it, openai_base_url in config.toml would have the key sent to
/// another address.
const std::string own_base_url = "https://api.openai.com/v1";

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

/// Such a file may have another key than the session's, or a table that Codex would merge into its provider.
Result<void> refuse_unread(const SessionInputs& inputs) {
    if (inputs.facts.unread.empty()) return {};
    return inputs.facts.unread.begin()->second;
}

/// Codex lets ~/.codex/.env override its environment, so a key there would replace the session's. Its name anywhere in
/// the file counts: what is a comment or a quoted text to Codex is for Codex to say.
Result<void> refuse_dotenv(const SessionInputs& inputs, std::string_view variable) {
    const std::vector<std::string>& words = codex_home(inputs.facts).dotenv_words;
    if (std::ranges::find(words, variable) == words.end()) return {};
    const std::string path = inputs.home.codex_directory() + "/.env";
    return Error{ErrorCode::config_conflict,
                 path + " names " + std::string(variable) + ": set there, it would replace this session's key",
                 "Remove " + std::string(variable) + " from " + path +
                     ", also where it is in a comment; capsuled gives Codex the key."};
}

/// What else that file may set: a proxy, or whom to trust. Operators may want it, so it only warns.
void warn_of_dotenv(Plan& plan, const SessionInputs& inputs) {
    constexpr std::array<std::string_view, 3> trusted{"SSL_CERT_FILE", "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE"};
    for (const std::string& name : codex_home(inputs.facts).dotenv_words) {
        const bool proxy = name.ends_with("_PROXY") || name.ends_with("_proxy");
        if (!proxy && !name.starts_with("OPENAI_") && std::ranges::find(trusted, name) == trusted.end()) continue;
        plan.warnings.push_back({"codex.dotenv", inputs.home.codex_directory() + "/.env names " + name +
                                                     ": set there, Codex takes it over its environment. Remove it "
                                                     "there unless you mean it."});
    }
}

Result<void> render_own_account(Plan& plan, const Route& route, const SessionInputs& inputs) {
    add_override(plan, "model_provider", toml_string(route.provider->id), from_capsuled);
    if (route.model) add_model(plan, *route.model);
    if (!inputs.key) return {};
    // A login that is in there would be another account than the key's.
    const auto& unreachable = inputs.facts.unreachable;
    if (const auto login = unreachable.find(codex_auth_json(inputs.home)); login != unreachable.end())
        return login->second;
    if (codex_home(inputs.facts).auth_json) return {};
    if (Result<void> fine = refuse_dotenv(inputs, "OPENAI_API_KEY"); !fine) return fine;
    add_override(plan, "openai_base_url", toml_string(session_url(inputs, own_base_url)),
                 session_url_from(inputs, from_capsuled));
    set_key(plan, "OPENAI_API_KEY", inputs);
    // `codex exec` reads only this one.
    set_key(plan, "CODEX_API_KEY", inputs);
    return {};
}

/// A session that would not start is refused, with the cure.
Result<void> refuse_stop(const SessionInputs& inputs) {
    const auto& stop = codex_home(inputs.facts).settings.stop;
    if (!stop) return {};
    return Error{ErrorCode::config_conflict,
                 inputs.home.codex_directory() + "/config.toml:" + std::to_string(stop->line) + ": " + stop->what +
                     " keeps Codex from starting at all",
                 stop->cure};
}

/// The other provider of which a user's model is known, where the user names no provider; null: none is.
const Provider* whose_model(const Route& route, const SessionInputs& inputs) {
    const std::string& model = codex_home(inputs.facts).settings.model;
    if (model.empty() || route.model || route.provider->model(model)) return nullptr;
    for (const Provider& other : inputs.config.catalog.providers)
        if (other.alternative() && other.model(model)) return &other;
    return nullptr;
}

void warn_of_other_model(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Provider* other = whose_model(route, inputs);
    if (!other) return;
    plan.warnings.push_back(
        {"codex.other_provider",
         inputs.home.codex_directory() + "/config.toml has model = \"" + codex_home(inputs.facts).settings.model +
             "\", which is a model of " + other->label + ", and Codex will ask " + route.provider->label +
             " for it. For a session on it use --provider " + other->id + "; for one on " + route.provider->label +
             " set [codex] model in capsule.toml or `model` of the request."});
}

/// What a user chose for another provider is still there where the provider itself is not. No -c takes it away.
void warn_of_other_provider(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const CodexUserSettings& own = codex_home(inputs.facts).settings;
    if (own.model_provider.empty() || own.model_provider == route.provider->id)
        return warn_of_other_model(plan, route, inputs);
    std::string names;
    const auto name = [&names](bool is_there, std::string_view setting) {
        if (is_there) names += (names.empty() ? "" : ", ") + std::string(setting);
    };
    name(!own.model.empty() && !route.model, "model = \"" + own.model + "\"");
    name(own.context_window, "its context window");
    name(own.model_catalog, "model_catalog_json");
    name(!own.reasoning_effort.empty(), "model_reasoning_effort = \"" + own.reasoning_effort + "\"");
    if (names.empty()) return;
    plan.warnings.push_back(
        {"codex.other_provider",
         inputs.home.codex_directory() + "/config.toml is made for model_provider = \"" + own.model_provider +
             "\", and " + names + " in it also count for " + route.provider->label +
             ". Choose the model with [codex] model in capsule.toml or with `model` of the request, and keep the "
             "others in a profile of Codex's."});
}

const Cell& cell_of(const Provider& provider) {
    return provider.cell(Agent::codex);
}

std::string provider_table(const Provider& provider, const SessionInputs& inputs) {
    return "{name=" + toml_string(provider.label) +
           ",base_url=" + toml_string(session_url(inputs, cell_of(provider).base_url)) +
           ",env_key=" + toml_string(provider.key_env) + ",wire_api=" + toml_string(codex_wire_api) + "}";
}

/// The path of the file that has a provider of that id; none: no file has.
std::optional<std::string> file_with_provider(const SessionInputs& inputs, const std::string& id) {
    for (const auto& [path, file] : codex_home(inputs.facts).provider_files)
        if (file->may_have_provider(id)) return path;
    return std::nullopt;
}

/// An id that no file's table has: Codex would merge that table into ours, its headers and parameters included.
std::string session_provider(Plan& plan, const Provider& provider, const SessionInputs& inputs) {
    const std::string first = "capsule-" + provider.id;
    const std::optional<std::string> taken = file_with_provider(inputs, first);
    if (!taken) return first;
    std::string id;
    for (int number = 2; id.empty() || file_with_provider(inputs, id); ++number)
        id = first + "-" + std::to_string(number);
    plan.warnings.push_back({"codex.own_provider", *taken + " has a provider called " + first +
                                                       ", which Codex would merge into this session's. The session's "
                                                       "is called " +
                                                       id + " instead. Remove it there."});
    return id;
}

/// Every other setting by which Codex asks for a model: it would ask this provider for another one's.
void add_other_models(Plan& plan, const Located<std::string>& model, const SessionInputs& inputs) {
    const std::string name = toml_string(model.value);
    for (const char* setting : {"review_model", "memories.extract_model", "memories.consolidation_model"})
        add_override(plan, setting, name, model.origin);
    // A Codex that does not know this one would take it for an agent of that name, and not start.
    if (codex_home(inputs.facts).settings.subagent_model)
        add_override(plan, "agents.default_subagent_model", name, model.origin);
}

/// The model's window and levels in place of what a user set for another model.
void add_limits(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Model facts = codex_facts(*route.provider, route.model->value);
    if (facts.context_window > 0) {
        add_override(plan, "model_context_window", std::to_string(facts.context_window), route.model->origin);
        add_override(plan, "model_auto_compact_token_limit", std::to_string(compact_limit(facts)), route.model->origin);
    }
    const CodexUserSettings& own = codex_home(inputs.facts).settings;
    if (facts.levels.empty()) return;
    const std::string level = toml_string(facts.default_level.empty() ? facts.levels.back() : facts.default_level);
    const auto unknown = [&](const std::string& effort) {
        return !effort.empty() && std::ranges::find(facts.levels, effort) == facts.levels.end();
    };
    if (unknown(own.reasoning_effort)) add_override(plan, "model_reasoning_effort", level, route.model->origin);
    if (own.plan_reasoning_effort) add_override(plan, "plan_mode_reasoning_effort", level, route.model->origin);
    if (own.subagent_effort) add_override(plan, "agents.default_subagent_reasoning_effort", level, route.model->origin);
}

/// What Codex tells its vendor and asks of it, none of which a session on another provider needs.
void add_quiet(Plan& plan, const SessionInputs& inputs) {
    add_override(plan, "analytics.enabled", "false", from_capsuled);
    add_override(plan, "check_for_update_on_startup", "false", from_capsuled);
    // Its list of plugins is fetched at each start. Who uses plugins keeps them.
    if (!codex_home(inputs.facts).settings.plugins) add_override(plan, "features.plugins", "false", from_capsuled);
}

Result<void> render_other_backend(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Provider& provider = *route.provider;
    if (Result<void> fine = refuse_dotenv(inputs, provider.key_env); !fine) return fine;
    set_key(plan, provider.key_env, inputs);
    // For a launcher that builds its own command line. --profile is not in ours: many of Codex's commands refuse it.
    set_variable(plan, "JACKIN_CODEX_PROFILE", codex_cell(cell_of(provider)).profile, provider.origin);
    add_model(plan, *route.model);
    const std::string id = session_provider(plan, provider, inputs);
    add_override(plan, "model_provider", toml_string(id), provider.origin);
    add_override(plan, "model_providers." + id, provider_table(provider, inputs),
                 session_url_from(inputs, provider.origin));
    add_other_models(plan, *route.model, inputs);
    add_limits(plan, route, inputs);
    add_quiet(plan, inputs);
    return {};
}

}  // namespace

BrokeredRoute brokered_codex(const Route& route, std::string_view /*variable*/) {
    return {.base_url = route.native ? own_base_url : cell_of(*route.provider).base_url, .surface = "openai_responses"};
}

Result<void> render_codex(Plan& plan, const Route& route, const SessionInputs& inputs) {
    if (Result<void> fine = refuse_unread(inputs); !fine) return fine;
    if (Result<void> fine = refuse_stop(inputs); !fine) return fine;
    add_argument(plan, "codex", from_capsuled);
    CodexFiles files = render_codex_files(inputs, &route);
    if (route.native) {
        files.warnings.clear();  // it names no catalog
        if (Result<void> done = render_own_account(plan, route, inputs); !done) return done;
        warn_of_other_provider(plan, route, inputs);
    } else {
        if (!inputs.key) return key_absent(*route.provider, KeyState::absent);
        if (!route.model || route.model->value.empty())
            return Error{ErrorCode::config_conflict, route.provider->label + " has no model for Codex",
                         "Set model in [providers." + route.provider->id + ".codex]."};
        if (Result<void> done = render_other_backend(plan, route, inputs); !done) return done;
        if (files.session_catalog)
            add_override(plan, catalog_setting, path_value(*files.session_catalog), "codex debug models");
    }
    if (!route.native) warn_of_unknown_model(plan, *route.provider, route.model->value);
    warn_of_dotenv(plan, inputs);
    std::ranges::move(files.intents, std::back_inserter(plan.files));
    std::ranges::move(files.warnings, std::back_inserter(plan.warnings));
    add_configured_arguments(plan, Agent::codex, inputs.config);
    return {};
}

}  // namespace capsule
