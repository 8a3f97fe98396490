#include "daemon/load/load_models.hpp"

#include <algorithm>

#include "daemon/agents/agent.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"

namespace capsule {
namespace {

Model& model_named(Provider& provider, const std::string& id) {
    const auto known = std::ranges::find(provider.models, id, &Model::id);
    if (known != provider.models.end()) return *known;
    Model& model = provider.models.emplace_back();
    model.id = id;
    return model;
}

void read_inputs(TableReader& in, Model& model) {
    const auto inputs = in.texts("input");
    if (!inputs) return;
    for (std::size_t i = 0; i < inputs->value.size(); ++i)
        if (std::ranges::find(model_inputs, inputs->value[i]) == model_inputs.end())
            in.refuse_element("input", i, "is nothing that a model can be given",
                              "Use \"text\", \"image\", \"audio\", \"video\" and \"pdf\".");
    if (std::ranges::find(inputs->value, "text") == inputs->value.end())
        in.refuse("input", "has no \"text\"", "A coding agent sends text.");
    model.input = inputs->value;
}

void read_reasoning(TableReader& in, Model& model) {
    if (const auto reasons = in.boolean("reasoning")) model.reasoning = *reasons;
    if (const auto levels = in.texts("reasoning_levels")) {
        for (std::size_t i = 0; i < levels->value.size(); ++i)
            if (!is_model_name(levels->value[i]))
                in.refuse_element("reasoning_levels", i, "cannot be a level's name", "Write it as \"high\".");
        model.levels = levels->value;
        model.default_level.clear();
    }
    if (!model.levels.empty() && model.reasoning == false)
        in.refuse("reasoning", "is false, and reasoning_levels names some", "Remove one of the two.");
    if (!model.levels.empty()) model.reasoning = true;
    const auto level = in.text("default_reasoning_level");
    if (!level) return;
    if (std::ranges::find(model.levels, level->value) == model.levels.end())
        in.refuse("default_reasoning_level", quote(level->value) + " is not in reasoning_levels", "Name one of them.");
    model.default_level = level->value;
}

void read_model(TableReader& in, Model& model) {
    model.origin = in.origin();
    if (const auto window = in.integer("context_window", 1, largest_tokens)) model.context_window = *window;
    if (const auto output = in.integer("max_output", 1, largest_tokens)) model.max_output = *output;
    if (model.context_window > 0 && model.max_output > model.context_window)
        in.refuse("max_output", "is more than context_window", "Both are tokens; a window holds input and output.");
    read_inputs(in, model);
    read_reasoning(in, model);
    for (const AgentDescriptor* agent : all_descriptors()) {
        auto table = in.table(id_of(agent->agent));
        if (!table) continue;
        agent->read_model(*table, model.of(agent->agent));
        table->finish();
    }
    in.finish();
}

void read_names(TableReader& in, Provider& provider) {
    const auto names = in.texts("models");
    if (!names) return;
    for (std::size_t i = 0; i < names->value.size(); ++i) {
        if (!is_model_name(names->value[i])) in.refuse_element("models", i, "cannot be a model's name", model_hint);
        model_named(provider, names->value[i]);
    }
}

}  // namespace

void read_models(TableReader& in, Provider& provider) {
    if (!in.has_table("models")) return read_names(in, provider);
    auto models = in.table("models");
    for (auto& [entry, table] : models->tables()) {
        if (!is_model_name(entry.name)) models->refuse(entry, "cannot be a model's name", model_hint);
        read_model(table, model_named(provider, entry.name));
    }
}

}  // namespace capsule
