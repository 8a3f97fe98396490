#include "daemon/sessions/known_limits.hpp"

#include <algorithm>

namespace capsule {
namespace {

using namespace std::chrono_literals;

/// Keys come and go; of so many of one provider it is known what they were refused.
constexpr std::size_t most_keys = 64;

/// How long a refusal can hold; none: until an answer is fine.
std::optional<BootClock::duration> longest(const std::string& kind) {
    if (kind == "busy") return 5min;
    if (kind == "window") return 5h;
    if (kind == "week") return 7 * 24h;
    return std::nullopt;
}

}  // namespace

bool ended_fine(const broker::Traffic& traffic) {
    constexpr int first_error = 400;
    return traffic.last && traffic.last->status < first_error && !traffic.last->message && !traffic.limit;
}

bool KnownLimits::holds(const Known& known, Clock::time_point now) {
    const auto lasts = longest(known.limit.kind);
    return !lasts || now - known.at < *lasts;
}

bool KnownLimits::learn(const std::string& provider, const std::string& key, const broker::Traffic& traffic,
                        Clock::time_point now) {
    auto& of_provider = known_[provider];
    if (ended_fine(traffic)) of_provider.erase(key);
    if (!traffic.limit) return false;
    SessionLimit limit{traffic.limit->kind, traffic.limit->message, traffic.limit->resets_at};
    const auto before = of_provider.find(key);
    const bool news = before == of_provider.end() || before->second.limit.kind != limit.kind;
    if (before == of_provider.end() && of_provider.size() >= most_keys)
        of_provider.erase(std::ranges::min_element(of_provider, {}, [](const auto& each) { return each.second.at; }));
    of_provider.insert_or_assign(key, Known{std::move(limit), now});
    return news;
}

std::optional<SessionLimit> KnownLimits::of(const std::string& provider, Clock::time_point now) const {
    const auto found = known_.find(provider);
    if (found == known_.end()) return std::nullopt;
    const Known* latest = nullptr;
    for (const auto& [key, known] : found->second)
        if (holds(known, now) && (!latest || known.at > latest->at)) latest = &known;
    return latest ? std::optional(latest->limit) : std::nullopt;
}

std::optional<SessionLimit> KnownLimits::of(const std::string& provider, const std::string& key,
                                            Clock::time_point now) const {
    const auto found = known_.find(provider);
    if (found == known_.end()) return std::nullopt;
    const auto known = found->second.find(key);
    if (known == found->second.end() || !holds(known->second, now)) return std::nullopt;
    return known->second.limit;
}

}  // namespace capsule
