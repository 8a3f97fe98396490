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

/// Whether the last answer of `traffic` was one that no provider gives to whom it refuses: a model's.
bool ended_fine(const broker::Traffic& traffic) {
    constexpr int redirects = 300;
    return traffic.last && traffic.last->status < redirects && !traffic.last->message && !traffic.limit &&
           std::ranges::any_of(traffic.models, [](const broker::ModelCount& each) { return !each.answered.empty(); });
}

}  // namespace

UtcTime wall_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

void CurrentLimit::set(std::optional<SessionLimit> limit, Clock::time_point since, Clock::time_point now,
                       UtcTime wall) {
    limit_ = std::move(limit);
    since_ = since;
    if (!limit_) return;
    const auto lasts = longest(limit_->kind);
    until_ = lasts ? since + *lasts : Clock::time_point::max();
    if (!limit_->resets_at) return;
    if (const auto reset = utc_time(*limit_->resets_at)) until_ = std::min(until_, now + (*reset - wall));
}

bool CurrentLimit::learn(const broker::Traffic& traffic, Clock::time_point now, UtcTime wall) {
    if (ended_fine(traffic)) *this = {};
    if (!traffic.limit) return false;
    set(SessionLimit{traffic.limit->kind, traffic.limit->message, traffic.limit->resets_at}, now, now, wall);
    if (!holds(now) || std::ranges::find(told_, limit_->kind) != told_.end()) return false;
    told_.push_back(limit_->kind);
    return true;
}

void KnownLimits::restore(const std::string& provider, const std::string& key, const CurrentLimit& limit,
                          Clock::time_point now) {
    if (limit.holds(now)) known_[provider].try_emplace(key, limit);
}

bool KnownLimits::learn(const std::string& provider, const std::string& key, const broker::Traffic& traffic,
                        Clock::time_point now, UtcTime wall) {
    auto& of_provider = known_[provider];
    if (ended_fine(traffic)) of_provider.erase(key);
    if (!traffic.limit) return false;
    if (of_provider.size() >= most_keys && !of_provider.contains(key))
        of_provider.erase(
            std::ranges::min_element(of_provider, {}, [](const auto& each) { return each.second.since(); }));
    return of_provider[key].learn(traffic, now, wall);
}

std::optional<SessionLimit> KnownLimits::of(const std::string& provider, Clock::time_point now) const {
    const auto found = known_.find(provider);
    if (found == known_.end()) return std::nullopt;
    const CurrentLimit* latest = nullptr;
    for (const auto& [key, known] : found->second)
        if (known.holds(now) && (!latest || known.since() > latest->since())) latest = &known;
    return latest ? latest->at(now) : std::nullopt;
}

std::optional<SessionLimit> KnownLimits::of(const std::string& provider, const std::string& key,
                                            Clock::time_point now) const {
    const auto found = known_.find(provider);
    if (found == known_.end()) return std::nullopt;
    const auto known = found->second.find(key);
    return known == found->second.end() ? std::nullopt : known->second.at(now);
}

}  // namespace capsule
