#include "daemon/agents/session.hpp"

#include <set>

#include "daemon/agents/agent.hpp"
#include "daemon/agents/build.hpp"
#include "daemon/catalog/variables.hpp"

namespace capsule {

namespace {

void warn_of_missing_binary(Agent agent, const SessionInputs& inputs, std::vector<Warning>& warnings) {
    if (inputs.binary) return;
    const AgentFacts& facts = facts_of(agent);
    warnings.push_back({"agent.missing", std::string(facts.label) + " is not installed: there is no program named " +
                                             std::string(facts.id) + " in the PATH (" + session_path(inputs) +
                                             ") that " + inputs.home.user.name +
                                             " can run. Install it, or add its directory to the PATH."});
}

}  // namespace

std::string SessionHome::codex_directory() const {
    return codex_home.value_or(home + "/.codex");
}

std::string SessionHome::opencode_json() const {
    return xdg_config_home.value_or(home + "/.config") + "/opencode/opencode.json";
}

std::string SessionHome::claude_json() const {
    return claude_config_dir.value_or(home) + "/.claude.json";
}

const Located<std::string>& file_model(const Config& config, Agent agent, const std::string& provider,
                                       const Located<std::string>& catalog_model) {
    const auto& overrides = config.agent(agent).models.providers;
    const auto found = overrides.find(provider);
    return found != overrides.end() && found->second.model ? *found->second.model : catalog_model;
}

const FileKey& file_key(const SessionInputs& inputs, const std::string& provider) {
    static const FileKey nothing;
    const auto found = inputs.file_keys.find(provider);
    return found == inputs.file_keys.end() ? nothing : found->second;
}

void warn_of_unknown_model(Plan& plan, const Provider& provider, const std::string& model) {
    const Model* facts = provider.model(model);
    if (facts && facts->context_window > 0) return;
    plan.warnings.push_back({"model.unknown", "The context window of " + model + " on " + provider.label +
                                                  " is not known, so the agent guesses it. Say it in capsule.toml: "
                                                  "[providers." +
                                                  provider.id + ".models.\"" + model + "\"] context_window = …"});
}

void render_unset(Plan& plan, const Config& config) {
    std::set<std::string_view> names(routing_variables().begin(), routing_variables().end());
    for (const Provider& provider : config.catalog.providers) {
        names.insert(provider.key_env);
        // What one provider's route adds would mislead the next one's.
        for (const Cell& cell : provider.cells)
            for (const auto& [name, value] : cell.env)
                names.insert(name);
        for (const Model& model : provider.models)
            for (const ModelForAgent& own : model.agents)
                for (const auto& [name, value] : own.env)
                    names.insert(name);
    }
    for (const std::string_view name : claude_window_variables)
        names.insert(name);
    plan.unset.clear();
    for (const std::string_view name : names)
        if (!plan.env.contains(std::string(name))) plan.unset.emplace_back(name);
}

Result<Plan> render_session(const Route& route, const SessionInputs& inputs) {
    Plan plan;
    render_session_env(plan, route, inputs);
    if (Result<void> rendered = descriptor_of(route.agent).render(plan, route, inputs); !rendered)
        return rendered.error();
    render_unset(plan, inputs.config);
    warn_of_missing_binary(route.agent, inputs, plan.warnings);
    return plan;
}

std::vector<FileIntent> agent_files(Agent agent, const SessionInputs& inputs, std::vector<Warning>& warnings) {
    warn_of_missing_binary(agent, inputs, warnings);
    const AgentDescriptor& descriptor = descriptor_of(agent);
    return descriptor.files ? descriptor.files(inputs, warnings) : std::vector<FileIntent>();
}

}  // namespace capsule
