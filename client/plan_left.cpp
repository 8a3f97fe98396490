#include "client/plan_left.hpp"

namespace capsule {
namespace {

constexpr int full = 100, nearly_full = 80;

}  // namespace

Tone plan_tone(int used_percent) {
    if (used_percent >= full) return Tone::bad;
    return used_percent >= nearly_full ? Tone::warning : Tone::good;
}

std::optional<Cell> least_left(const ProviderUsage& usage) {
    const UsageWindow* fullest = nullptr;
    for (const UsageWindow& each : usage.windows)
        if (each.label != "tools" && (!fullest || each.used_percent > fullest->used_percent)) fullest = &each;
    if (!fullest) return std::nullopt;
    std::string text = fullest->label + ": " + std::to_string(full - fullest->used_percent) + " % left";
    if (usage.error) text += ", " + ago_text(usage.fetched_at);
    return Cell{std::move(text), plan_tone(fullest->used_percent)};
}

}  // namespace capsule
