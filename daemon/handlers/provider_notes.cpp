#include "daemon/handlers/provider_notes.hpp"

#include "protocol/limit_text.hpp"

namespace capsule {
namespace {

std::optional<SessionLimit> limit_of(const Services& services, const Provider& provider, const Secret& key) {
    const KnownLimits& limits = services.sessions.limits();
    // Nearly always nothing is known, and no name of a key has to be made.
    return limits.any(provider.id) ? limits.of(provider.id, key_name(key)) : std::nullopt;
}

}  // namespace

void add_provider_warnings(std::vector<Warning>& warnings, const Services& services, const Provider& provider,
                           const Secret& key) {
    if (const auto limit = limit_of(services, provider, key))
        warnings.push_back(
            {"provider.limit",
             provider.label + " refused a request with this key, and has answered none since: " + limit_text(*limit)});
    const auto usage = known_usage(services, provider, key);
    if (!usage) return;
    for (const UsageWindow& each : usage->windows) {
        constexpr int all = 100;
        if (each.used_percent < all || each.label == "tools") continue;
        std::string text = "of " + provider.label + "'s plan nothing is left for this window (" + each.label + ")";
        if (each.resets_at) text += "; it begins anew at " + *each.resets_at;
        warnings.push_back({"usage.exhausted", std::move(text)});
    }
}

void add_provider_notes(ProvidersListResult& list, const Services& services, const Generation& generation,
                        const KeyScope& scope) {
    const KeyResolver keys = resolver(services, generation);
    for (Choice& choice : list.choices) {
        const Provider* provider = generation.config.catalog.find(choice.id);
        const KeyFinding finding = keys.find(provider->key_env, scope);
        if (finding.state != KeyState::present) continue;
        choice.limit = limit_of(services, *provider, finding.value);
        choice.usage = known_usage(services, *provider, finding.value);
    }
}

}  // namespace capsule
