#include "daemon/catalog/catalog.hpp"

#include <algorithm>

namespace capsule {

CellKind Provider::cell(Agent agent) const {
    switch (agent) {
        case Agent::claude:
            return claude.kind;
        case Agent::codex:
            return codex.kind;
        case Agent::opencode:
            return opencode.kind;
    }
    return CellKind::unsupported;
}

const std::string& Provider::blocked_reason(Agent agent) const {
    switch (agent) {
        case Agent::claude:
            return claude.blocked_reason;
        case Agent::codex:
            return codex.blocked_reason;
        case Agent::opencode:
            break;
    }
    return opencode.blocked_reason;
}

bool Provider::alternative() const {
    return std::none_of(all_agents.begin(), all_agents.end(),
                        [&](const AgentFacts& facts) { return cell(facts.agent) == CellKind::native; });
}

const Provider* Catalog::find(std::string_view id) const {
    const auto found = std::find_if(providers.begin(), providers.end(), [&](const Provider& p) { return p.id == id; });
    return found == providers.end() ? nullptr : &*found;
}

const Provider* Catalog::by_key_variable(std::string_view variable) const {
    const auto found =
        std::find_if(providers.begin(), providers.end(), [&](const Provider& p) { return p.key_env == variable; });
    return found == providers.end() ? nullptr : &*found;
}

std::vector<std::string_view> Catalog::ids() const {
    std::vector<std::string_view> out;
    out.reserve(providers.size());
    for (const Provider& provider : providers)
        out.push_back(provider.id);
    return out;
}

}  // namespace capsule
