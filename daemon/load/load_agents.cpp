#include "daemon/load/load_agents.hpp"

#include <algorithm>
#include <array>

#include "daemon/agents/agent.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"

namespace capsule {
namespace {

void read_args(TableReader& in, const AgentDescriptor& agent, const SessionConfig& session, AgentConfig& out) {
    const auto args = in.texts("args");
    if (!args) return;
    const std::vector<std::string>& list = args->value;
    for (std::size_t i = 0; i < list.size(); ++i) {
        // What is beside an option may be its value, in this argument or in the next one: none is shown.
        if (list[i].find('\0') != std::string::npos)
            in.refuse_hidden_element("args", i, "the argument has a NUL character");
        if (const auto problem = agent.refused_argument(list, i, session))
            in.refuse_hidden_element("args", i, '"' + option_name(list[i]) + "\": " + *problem, "Remove the argument.");
    }
    out.args = *args;
}

/// "[claude], [codex], [opencode]"
std::string agent_tables() {
    std::string out;
    for (const AgentFacts& facts : all_agents)
        out += (out.empty() ? "[" : ", [") + std::string(facts.id) + "]";
    return out;
}

void read_override(TableReader& in, const Catalog& catalog, Agent agent, const Provider& provider, ModelOverride& out) {
    const auto read = [&](const std::string& key, std::optional<Located<std::string>>& model) {
        model = in.text(key);
        if (!model) return;
        check_model_name(in, key, model->value);
        if (const auto conflict = model_conflict(catalog, agent, provider, model->value))
            in.refuse(key, conflict->message, conflict->hint);
    };
    read("model", out.model);
    for (const std::string_view tier : descriptor_of(agent).tiers) {
        const std::string key = std::string(tier) + "_model";
        if (in.has(key) && provider.kind(agent) == CellKind::native)
            in.refuse(key, std::string(facts_of(agent).label) + " maps the tiers of its own account itself",
                      "Use model instead.");
        std::optional<Located<std::string>> model;
        read(key, model);
        if (model) out.tiers[std::string(tier)] = *std::move(model);
    }
    in.finish();
}

}  // namespace

void read_agent(TableReader& in, Agent agent, Config& config) {
    const AgentDescriptor& descriptor = descriptor_of(agent);
    AgentConfig& out = config.agents[agent];
    read_args(in, descriptor, config.session, out);
    if (const auto provider = in.text("provider")) {
        check_cell(in, "provider", config.catalog, agent, provider->value);
        out.provider = *provider;
    }
    if (descriptor.read_settings) descriptor.read_settings(in, out);
    read_models(in, config.catalog, agent, out.models);
}

void refuse_agents_table(TableReader& in) {
    for (const TableReader::Entry& entry : in.entries()) {
        const auto agent = agent_named(entry.name);
        in.refuse(entry, "each agent has a table of its own",
                  agent ? "Write [" + entry.name + "] in place of [agents." + entry.name + "]."
                        : "The agents' tables are " + agent_tables() + ".");
    }
    in.refuse_table("each agent has a table of its own", "The agents' tables are " + agent_tables() + ".");
}

void read_models(TableReader& in, const Catalog& catalog, Agent agent, AgentModels& out) {
    if (const auto model = in.text("model")) {
        check_model_name(in, "model", model->value);
        for (const Provider& provider : catalog.providers)
            if (counts_as_native(agent, provider))
                if (const auto conflict = model_conflict(catalog, agent, provider, model->value))
                    in.refuse("model", conflict->message,
                              "This is the model of " + provider.label + "; for another provider write [" +
                                  std::string(id_of(agent)) + ".providers.<id>].");
        out.model = *model;
    }
    if (auto providers = in.table("providers"))
        for (auto& [entry, table] : providers->tables()) {
            const Provider& provider = check_cell(*providers, entry.name, catalog, agent, entry.name);
            read_override(table, catalog, agent, provider, out.providers[entry.name]);
        }
    in.finish();
}

}  // namespace capsule
