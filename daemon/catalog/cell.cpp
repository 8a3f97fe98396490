#include "daemon/catalog/cell.hpp"

#include <algorithm>
#include <array>

#include "daemon/catalog/names.hpp"

namespace capsule {
namespace {

/// Claude Code's names for its tiers.
constexpr auto claude_aliases =
    std::to_array<std::string_view>({"opus", "sonnet", "haiku", "fable", "opusplan", "default", "best"});

std::optional<ModelConflict> alias_conflict(const Provider& provider, std::string_view model) {
    const std::string_view bare = model.substr(0, model.find('['));  // "sonnet[1m]"
    if (std::find(claude_aliases.begin(), claude_aliases.end(), bare) == claude_aliases.end()) return std::nullopt;
    return ModelConflict{in_quotes(model) + " is Claude Code's name of a tier, not a model of " + provider.label,
                         "Name one of " + provider.label + "'s models, such as " +
                             in_quotes(provider.claude.opus_model.value) +
                             "; to start on another tier pass Claude Code `--model " + std::string(bare) + "`."};
}

std::optional<ModelConflict> prefix_conflict(const Catalog& catalog, const Provider& provider, std::string_view model) {
    const std::size_t slash = model.find('/');
    if (slash == model.npos) return std::nullopt;
    const std::string_view prefix = model.substr(0, slash);
    if (prefix == provider.id) {
        if (slash + 1 < model.size()) return std::nullopt;
        return ModelConflict{in_quotes(model) + " names no model", "Write \"" + provider.id + "/<model>\"."};
    }
    const Provider* other = catalog.find(prefix);
    if (!other) return std::nullopt;
    return ModelConflict{in_quotes(model) + " is a model of " + other->label + ", not of " + provider.label,
                         "Name one of " + provider.label + "'s models; one whose own name begins so is \"" +
                             provider.id + "/" + std::string(model) + "\"."};
}

}  // namespace

bool counts_as_native(Agent agent, const Provider& provider) {
    if (agent != Agent::opencode) return provider.cell(agent) == CellKind::native;
    return provider.claude.kind == CellKind::native && provider.opencode.kind == CellKind::routed;
}

std::optional<ModelConflict> model_conflict(const Catalog& catalog, Agent agent, const Provider& provider,
                                            std::string_view model) {
    if (agent == Agent::opencode) return prefix_conflict(catalog, provider, model);
    if (agent == Agent::claude && provider.cell(agent) == CellKind::routed) return alias_conflict(provider, model);
    return std::nullopt;
}

std::string without_provider(std::string_view model, const Provider& provider) {
    if (model.starts_with(provider.id) && model.substr(provider.id.size()).starts_with('/'))
        model.remove_prefix(provider.id.size() + 1);
    return std::string(model);
}

}  // namespace capsule
