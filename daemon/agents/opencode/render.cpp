// OpenCode: OPENCODE_CONFIG_CONTENT outranks every config file. It fences the session into one provider and pins
// where that is; opencode.json is for an OpenCode that is started by hand.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/agents/build.hpp"
#include "daemon/agents/opencode/agent.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/agents/opencode/whose_block.hpp"
#include "daemon/catalog/key_state.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {

namespace {

namespace json = boost::json;

const Cell& cell_of(const Provider& provider) {
    return provider.cell(Agent::opencode);
}

std::string key_reference(const Provider& provider) {
    return "{env:" + provider.key_env + "}";
}

/// The model's own entry. It names the SDK again, since a project could name another SDK for this model alone.
json::object model_pin(const Provider& provider, const std::string& model, const SessionInputs& inputs) {
    json::object sdk{{"npm", opencode_npm(cell_of(provider))},
                     {"api", session_url(inputs, cell_of(provider).base_url)}};
    json::object pin = opencode_model_entry(provider, model);
    pin["id"] = model;
    pin["provider"] = std::move(sdk);
    return pin;
}

json::object provider_pin(const Provider& provider, const std::string& model, const SessionInputs& inputs) {
    json::object options{{"baseURL", session_url(inputs, cell_of(provider).base_url)}};
    if (inputs.key) options["apiKey"] = key_reference(provider);
    // OpenCode replaces an object by an array, but merges two objects: an empty object would keep the project's
    // headers.
    options["headers"] = json::array{};
    json::object pin{{"npm", opencode_npm(cell_of(provider))}, {"options", std::move(options)}};
    if (!model.empty()) pin["models"] = json::object{{model, model_pin(provider, model, inputs)}};
    return pin;
}

std::string config_content(const Provider& provider, const std::string& model, const SessionInputs& inputs) {
    json::object content{{"$schema", "https://opencode.ai/config.json"},
                         {"enabled_providers", json::array{provider.id}},
                         {"disabled_providers", json::array{}}};
    if (!model.empty()) {
        content["model"] = provider.id + "/" + model;
        content["small_model"] = provider.id + "/" + model;
    }
    if (!opencode_npm(cell_of(provider)).empty())
        content["provider"] = json::object{{provider.id, provider_pin(provider, model, inputs)}};
    return json::serialize(content);
}

OpencodeBlock block_of(const Provider& provider, const std::string& model, std::variant<std::string, Secret> key) {
    return {provider.id,    provider.label, opencode_npm(cell_of(provider)),      cell_of(provider).base_url,
            std::move(key), model,          opencode_model_entry(provider, model)};
}

bool any_key(const SessionInputs& inputs) {
    return std::ranges::any_of(inputs.config.catalog.providers, [&](const Provider& provider) {
        return provider.kind(Agent::opencode) == CellKind::routed && file_key(inputs, provider.id).any_scope;
    });
}

/// Whatever else OpenCode takes settings from for this user, besides a project: its own directory's other files, the
/// home's .opencode, an administrator's, and its accounts, of which an organisation's (wellknown) brings settings too.
std::vector<std::string> merged_files(const SessionHome& home) {
    const std::string own = home.opencode_json().substr(0, home.opencode_json().rfind('/') + 1);
    std::vector<std::string> files{home.home + "/.local/share/opencode/auth.json"};
    for (const char* name : {"config", "config.json", "opencode.jsonc"})
        files.push_back(own + name);
    for (const char* name : {"/opencode.json", "/opencode.jsonc"}) {
        files.push_back(home.home + "/.opencode" + name);
        files.push_back(std::string("/etc/opencode") + name);
    }
    return files;
}

std::string configured_model(const Config& config, const Provider& provider) {
    return without_provider(file_model(config, Agent::opencode, provider.id, cell_of(provider).model).value, provider);
}

using IsOurs = bool (*)(const json::object& block, const WrittenWith& written);

/// What is in `inputs` by reference outlives the files: they are written where they are rendered.
auto asking(IsOurs is_ours, const SessionInputs& inputs) {
    return
        [is_ours, &config = inputs.config, &keys = inputs.file_keys](std::string_view id, const json::object& block) {
            const Provider* provider = config.catalog.find(id);
            if (provider == nullptr) return false;
            const auto key = keys.find(provider->id);
            const Secret* global = key != keys.end() && key->second.global ? &*key->second.global : nullptr;
            return is_ours(block, {*provider, configured_model(config, *provider), global, opencode_keys(config)});
        };
}

OpencodeJsonIntent json_intent(const SessionInputs& inputs) {
    OpencodeJsonIntent intent{inputs.home.opencode_json(), {}, {}};
    intent.permission = opencode_settings(inputs.config).permission;
    intent.has_earlier_keys = opencode_keys(inputs.config) == OpencodeKeys::in_file;
    intent.merged_files = merged_files(inputs.home);
    intent.is_ours_alone = asking(is_our_own_block, inputs);
    intent.is_ours_by_key = asking(is_ours_by_key, inputs);
    for (const Provider& provider : inputs.config.catalog.providers) {
        if (!provider.alternative() || provider.kind(Agent::opencode) != CellKind::routed) continue;
        const std::string model = configured_model(inputs.config, provider);
        std::ranges::move(opencode_identities(provider), std::back_inserter(intent.known));
        const FileKey& key = file_key(inputs, provider.id);
        if (!key.global) continue;
        intent.keys.push_back(*key.global);
        if (opencode_keys(inputs.config) == OpencodeKeys::env) {
            intent.blocks.push_back(block_of(provider, model, key_reference(provider)));
        } else {
            intent.blocks.push_back(block_of(provider, model, *key.global));
        }
    }
    intent.only_remove = intent.blocks.empty() && !any_key(inputs);
    return intent;
}

}  // namespace

void leave_project_out(Plan& plan, std::string_view from) {
    set_variable(plan, "OPENCODE_DISABLE_PROJECT_CONFIG", "1", from);
    std::erase(plan.unset, "OPENCODE_DISABLE_PROJECT_CONFIG");
}

void leave_all_of_project_out(Plan& plan, std::string_view from) {
    leave_project_out(plan, from);
    set_variable(plan, "OPENCODE_DISABLE_EXTERNAL_SKILLS", "1", from);
    std::erase(plan.unset, "OPENCODE_DISABLE_EXTERNAL_SKILLS");
    const auto content = plan.env.find("OPENCODE_CONFIG_CONTENT");
    if (content == plan.env.end()) return;
    auto pin = parse_json(content->second.reveal());
    if (!pin || !pin->is_object()) return;  // it is this file's own
    pin->get_object()["lsp"] = false;
    pin->get_object()["formatter"] = false;
    content->second.value = json::serialize(*pin);
}

BrokeredRoute brokered_opencode(const Route& route, std::string_view /*variable*/) {
    const std::string& npm = opencode_npm(route.cell());
    BrokeredRoute out{.base_url = route.cell().base_url};
    if (npm == "@ai-sdk/anthropic")
        out.surface = "anthropic_messages";
    else if (npm == "@ai-sdk/openai")
        out.surface = "openai_responses";
    else if (npm == "@ai-sdk/openai-compatible")
        out.surface = "openai_chat";
    else
        out.why_not = "capsule-broker does not know what the SDK of this provider speaks";
    return out;
}

Result<void> render_opencode(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const Provider& provider = *route.provider;
    if (!inputs.key && provider.kind(Agent::opencode) != CellKind::native)
        return key_absent(provider, KeyState::absent);
    const std::string model = route.model ? route.model->value : std::string();
    add_argument(plan, "opencode", from_capsuled);
    if (!model.empty()) {
        add_argument(plan, "-m", route.model->origin);
        add_argument(plan, provider.id + "/" + model, route.model->origin);
    }
    if (inputs.key) set_key(plan, provider.key_env, inputs);
    if (!model.empty() && provider.alternative()) warn_of_unknown_model(plan, provider, model);
    set_variable(plan, "OPENCODE_CONFIG_CONTENT", config_content(provider, model, inputs),
                 session_url_from(inputs, provider.origin));
    // Without a way to the internet OpenCode would wait ten seconds for its registry of models. The pin names the
    // model, and OpenCode brings a list of its own for what else it wants to know.
    if (!model.empty()) set_variable(plan, "OPENCODE_DISABLE_MODELS_FETCH", "1", from_capsuled);
    if (inputs.config.session.project_settings == ProjectSettings::ignore) {
        leave_all_of_project_out(plan, "capsule.toml: [session] project_settings");
        plan.project_left_out = "[session] project_settings is \"ignore\"";
    }
    OpencodeJsonIntent intent = json_intent(inputs);
    intent.only_remove = false;
    plan.files.push_back(file_intent(std::move(intent)));
    add_configured_arguments(plan, Agent::opencode, inputs.config);
    return {};
}

std::vector<FileIntent> opencode_files(const SessionInputs& inputs, std::vector<Warning>& /*warnings*/) {
    std::vector<FileIntent> files;
    files.push_back(file_intent(json_intent(inputs)));
    return files;
}

}  // namespace capsule
