#include "daemon/agents/codex/files.hpp"

#include <algorithm>
#include <set>

#include "daemon/agents/build.hpp"
#include "daemon/agents/codex/agent.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/quoting.hpp"

namespace capsule {

namespace {

const Cell& wiring(const Provider& provider) {
    return provider.cell(Agent::codex);
}

bool routed(const Provider& provider) {
    return provider.alternative() && provider.kind(Agent::codex) == CellKind::routed;
}

TomlBlockIntent::Table block_table(const Provider& provider) {
    return {provider.id, "[model_providers." + provider.id + "]\nname = " + toml_string(provider.label) +
                             "\nbase_url = " + toml_string(wiring(provider).base_url) + "\nenv_key = " +
                             toml_string(provider.key_env) + "\nwire_api = " + toml_string(codex_wire_api) + "\n"};
}

/// No context window: one in a profile is clamped to the fallback's, so it could never raise it. The catalog does.
std::string profile_text(const Provider& provider, const std::string& model) {
    return "# Written by capsuled; it is overwritten. Choose the model in capsule.toml: [codex.providers." +
           provider.id + "].\nmodel_provider = " + toml_string(provider.id) + "\nmodel = " + toml_string(model) + "\n";
}

// What is in `config` by reference outlives the files: they are written where they are rendered.

/// Also what the built-in catalog says where an operator's table says something else now.
auto our_values(const Config& config) {
    return [&config](std::string_view id, std::string_view setting, std::string_view value) {
        const Provider* provider = config.catalog.find(id);
        if (provider == nullptr) return false;
        const std::string table = "providers." + provider->id;
        const std::string quoted = toml_string(value);
        if (setting == "name") return value == provider->label || quoted == builtin_value(table, "label");
        if (setting == "env_key") return value == provider->key_env || quoted == builtin_value(table, "key_env");
        if (setting == "base_url")
            return value == wiring(*provider).base_url || quoted == builtin_value(table + ".codex", "base_url");
        return setting == "wire_api" && value == codex_wire_api;
    };
}

/// With any model that is known.
auto our_profiles(const Config& config, const std::string& id) {
    return [&config, id](std::string_view text) {
        const Provider* provider = config.catalog.find(id);
        if (provider == nullptr) return false;
        const Located<std::string>& own = wiring(*provider).model;
        const auto says = [&](const std::string& model) { return text == profile_text(*provider, model); };
        return says(own.value) || says(file_model(config, Agent::codex, id, own).value) ||
               std::ranges::any_of(provider->models, says, &Model::id);
    };
}

void start_without_catalog(Plan& plan) {
    const auto names = [](const Argument& argument) { return argument.value.starts_with(catalog_setting); };
    const auto named = std::ranges::find_if(plan.argv, names);
    if (named != plan.argv.end()) plan.argv.erase(named - 1, named + 1);  // -c, too
}

/// One provider's files.
class ProviderFiles {
  public:
    ProviderFiles(const Provider& provider, const SessionInputs& inputs, const Route* session, CodexFiles& out)
        : provider_(provider),
          inputs_(inputs),
          session_(session && session->provider->id == provider.id ? session : nullptr),
          is_of_another_(session != nullptr && session_ == nullptr),
          wanted_(session_ || file_key(inputs, provider.id).any_scope),
          out_(out) {}

    void render() {
        const std::string& model = file_model(inputs_.config, Agent::codex, provider_.id, cell().model).value;
        OwnFileIntent profile{base() + ".config.toml", std::nullopt, our_profiles(inputs_.config, provider_.id)};
        if (wanted_) profile.content = profile_text(provider_, model);
        out_.intents.push_back(file_intent(std::move(profile)));
        if (wanted_) {
            add_catalogs(model);
        } else {
            remove_catalogs();
        }
    }

  private:
    const Cell& cell() const { return wiring(provider_); }
    std::string base() const { return inputs_.home.codex_directory() + "/" + codex_cell(cell()).profile; }

    std::string catalog_path(const std::string& model) const {
        if (model == cell().model.value) return base() + ".models.json";
        return base() + "." + percent_encode(model) + ".models.json";
    }

    FileIntent& add_file(std::string path, std::optional<std::string> content) {
        return out_.intents.emplace_back(file_intent(OwnFileIntent{std::move(path), std::move(content)}));
    }

    /// Without a catalog Codex knows no context window; the session starts all the same. A file of an earlier Codex
    /// stays where it is (a running session may have been told of it) and is not named.
    void add_catalogs(const std::string& configured_model) {
        std::set<std::string> models{cell().model.value, configured_model};
        if (session_) models.insert(session_->model->value);
        for (const std::string& model : models) {
            const Result<std::string> text = derive(model);
            if (!text) {
                warn(text.error());
                return;
            }
            FileIntent& file = add_file(catalog_path(model), *text);
            if (!session_ || model != session_->model->value) continue;
            file.do_without = start_without_catalog;
            file.loss = "so Codex is not told what is known of " + model +
                        ": it warns, and assumes a window of about 272000 tokens, text alone and its own instructions";
        }
        if (session_) out_.session_catalog = catalog_path(session_->model->value);
    }

    Result<std::string> derive(const std::string& model) const {
        return derive_codex_models(inputs_.model_list, {model, provider_.label, codex_facts(provider_, model)});
    }

    void warn(const Error& why) {
        // Without Codex there is another warning, and this would be its consequence.
        if (is_of_another_ || !inputs_.binary) return;
        out_.warnings.push_back(
            {"codex.models", "Codex is not told what is known of " + provider_.label +
                                 "'s models, their context window above all, and takes its own fallback: " +
                                 why.message + ". Sessions work without it. " +
                                 (inputs_.model_list.cure.empty() ? "`codex debug models --bundled` shows what is wrong"
                                                                  : inputs_.model_list.cure) +
                                 "."});
    }

    /// Those that we can know of: a request's own models are not written down anywhere.
    void remove_catalogs() {
        std::set<std::string> paths{catalog_path(cell().model.value)};
        const auto add_override = [&](const AgentModels& models) {
            const auto found = models.providers.find(provider_.id);
            if (found != models.providers.end() && found->second.model)
                paths.insert(catalog_path(found->second.model->value));
        };
        add_override(inputs_.config.agent(Agent::codex).models);
        for (const auto& [name, role] : inputs_.config.roles)
            if (const auto models = role.agents.find(Agent::codex); models != role.agents.end())
                add_override(models->second);
        for (const std::string& path : paths)
            add_file(path, std::nullopt);
    }

    const Provider& provider_;
    const SessionInputs& inputs_;
    const Route* session_;
    bool is_of_another_;  ///< than the session's
    bool wanted_;
    CodexFiles& out_;
};

}  // namespace

Model codex_facts(const Provider& provider, const std::string& model) {
    const Model* known = provider.model(model);
    Model facts = known ? *known : Model{};
    const CodexCell& own = codex_cell(provider.cell(Agent::codex));
    // Where a cell says the window of its model, that is the one.
    if (own.context_window > 0 && own.window_of == model) facts.context_window = own.context_window;
    return facts;
}

CodexFiles render_codex_files(const SessionInputs& inputs, const Route* session) {
    CodexFiles out;
    TomlBlockIntent block{inputs.home.codex_directory() + "/config.toml", {}, {}};
    block.seen = codex_home(inputs.facts).config_file;
    block.is_our_value = our_values(inputs.config);
    for (const Provider& provider : inputs.config.catalog.providers) {
        if (!routed(provider)) continue;
        block.known.push_back(provider.id);
        const FileKey& key = file_key(inputs, provider.id);
        if (key.global) block.tables.push_back(block_table(provider));
        // A native session names no profile, so a legacy one is not its concern.
        if (session && session->native) continue;
        if (key.any_scope || (session && session->provider->id == provider.id))
            block.profiles.push_back(codex_cell(wiring(provider)).profile);
    }
    out.intents.push_back(file_intent(std::move(block)));
    for (const Provider& provider : inputs.config.catalog.providers)
        if (routed(provider)) ProviderFiles(provider, inputs, session, out).render();
    return out;
}

std::vector<FileIntent> codex_files(const SessionInputs& inputs, std::vector<Warning>& warnings) {
    CodexFiles files = render_codex_files(inputs, nullptr);
    std::ranges::move(files.warnings, std::back_inserter(warnings));
    return std::move(files.intents);
}

}  // namespace capsule
