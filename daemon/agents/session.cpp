#include "daemon/agents/session.hpp"

#include <algorithm>
#include <iterator>

#include "daemon/agents/agent.hpp"
#include "daemon/agents/build.hpp"
#include "daemon/catalog/variables.hpp"
#include "protocol/nearest.hpp"

namespace capsule {

namespace {

void warn_of_missing_binary(Agent agent, const SessionInputs& inputs, std::vector<Warning>& warnings) {
    if (inputs.binary) return;
    const AgentFacts& facts = facts_of(agent);
    const char* missing = inputs.unreachable.empty() ? " is not installed" : " was not found";
    warnings.push_back({"agent.missing", std::string(facts.label) + missing + ": there is no program named " +
                                             std::string(facts.id) + " in the PATH (" + session_path(inputs) +
                                             ") that " + inputs.home.user.name +
                                             " can run. Install it, or add its "
                                             "directory to " +
                                             (inputs.request_env.contains("PATH") ? "the PATH of whoever starts it."
                                                                                  : "PATH in [env] of capsule.toml.")});
    std::ranges::copy(inputs.unreachable, std::back_inserter(warnings));
}

/// The names that are the same under every configuration, sorted.
const std::vector<std::string_view>& fixed_variables() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all(routing_variables().begin(), routing_variables().end());
        all.insert(all.end(), std::begin(claude_window_variables), std::end(claude_window_variables));
        std::ranges::sort(all);
        return all;
    }();
    return names;
}

/// Every key and routing variable, sorted, each once.
std::vector<std::string_view> session_variables(const Catalog& catalog) {
    std::vector<std::string_view> names;
    for (const Provider& provider : catalog.providers) {
        names.push_back(provider.key_env);
        // What one provider's route adds would mislead the next one's.
        for (const Cell& cell : provider.cells)
            for (const auto& [name, value] : cell.env)
                names.push_back(name);
        for (const Model& model : provider.models)
            for (const ModelForAgent& own : model.agents)
                for (const auto& [name, value] : own.env)
                    names.push_back(name);
    }
    std::ranges::sort(names);
    const std::vector<std::string_view>& fixed = fixed_variables();
    std::vector<std::string_view> all;
    all.reserve(fixed.size() + names.size());
    std::ranges::merge(fixed, names, std::back_inserter(all));
    const auto repeated = std::ranges::unique(all);
    all.erase(repeated.begin(), repeated.end());
    return all;
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

std::string url_at_broker(std::string_view broker_url, std::string_view base_url) {
    const std::size_t host = base_url.find("://");
    const std::size_t path = base_url.find('/', host == base_url.npos ? 0 : host + 3);
    std::string out(broker_url);
    if (path != base_url.npos) out += base_url.substr(path);
    if (out.ends_with('/')) out.pop_back();
    return out;
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
    std::string meant;
    if (!facts) {
        std::vector<std::string_view> known;
        for (const Model& each : provider.models)
            known.push_back(each.id);
        if (const auto near = nearest(model, known)) meant = "Did you mean " + std::string(*near) + "? Else say";
    }
    plan.warnings.push_back({"model.unknown", "The context window of " + model + " on " + provider.label +
                                                  " is not known, so the agent guesses it. " +
                                                  (meant.empty() ? "Say" : meant) + " it in capsule.toml: [providers." +
                                                  provider.id + ".models.\"" + model + "\"] context_window = …"});
}

void render_unset(Plan& plan, const Config& config) {
    const std::vector<std::string_view> names = session_variables(config.catalog);
    plan.unset.clear();
    plan.unset.reserve(names.size());
    // Both are sorted, so one pass tells what the session does not set.
    auto set = plan.env.begin();
    for (const std::string_view name : names) {
        while (set != plan.env.end() && set->first < name)
            ++set;
        if (set == plan.env.end() || set->first != name) plan.unset.emplace_back(name);
    }
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
