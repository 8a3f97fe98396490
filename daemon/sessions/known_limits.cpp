#include "daemon/sessions/known_limits.hpp"

#include <algorithm>

namespace capsule {
namespace {

using namespace std::chrono_literals;

/// Keys come and go; of so many of one provider it is known what they were refused.
constexpr std::size_t most_keys = 64;

/// How long a refusal can hold; none: until an answer is fine. A week may be a month: by what it says.
std::optional<BootClock::duration> longest(const SessionLimit& limit) {
    if (limit.kind == "busy") return 5min;
    if (limit.kind == "window") return 5h;
    if (limit.kind != "week") return std::nullopt;
    const bool may_be_a_month =
        limit.message.find("onth") != std::string::npos || (limit.resets_at && utc_time(*limit.resets_at));
    return (may_be_a_month ? 31 : 7) * 24h;
}

/// A session that is refused model after model is no reason to grow.
constexpr std::size_t most_limits = 32;

}  // namespace

UtcTime wall_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

void CurrentLimit::set(std::optional<SessionLimit> limit, Clock::time_point since, Clock::time_point now,
                       UtcTime wall) {
    held_.clear();
    if (limit) hold(*std::move(limit), since, now, wall);
}

void CurrentLimit::hold(SessionLimit limit, Clock::time_point since, Clock::time_point now, UtcTime wall) {
    const auto lasts = longest(limit);
    auto until = lasts ? since + *lasts : Clock::time_point::max();
    if (limit.resets_at)
        if (const auto reset = utc_time(*limit.resets_at)) until = std::min(until, now + (*reset - wall));
    std::erase_if(held_, [&](const Held& each) {
        return each.until <= now || (each.limit.kind == limit.kind && each.limit.model == limit.model);
    });
    if (held_.size() >= most_limits) held_.erase(held_.begin());
    held_.push_back({std::move(limit), since, until});
}

bool CurrentLimit::learn(const broker::Verdict& verdict, Clock::time_point now, UtcTime wall) {
    if (!verdict.limit) {
        // That another model is not in the plan is as true as before.
        const auto is_over = [&](const auto& each) { return !each.model || *each.model == verdict.model; };
        std::erase_if(held_, [&](const Held& each) { return is_over(each.limit); });
        std::erase_if(told_, is_over);
        return false;
    }
    SessionLimit limit{verdict.limit->kind, verdict.limit->message, verdict.limit->resets_at, {}};
    if (limit.kind == "model" && !verdict.model.empty()) limit.model = verdict.model;
    const Told telling{limit.kind, limit.model};
    hold(std::move(limit), now, now, wall);
    if (!holds(now) || std::ranges::find(told_, telling) != told_.end()) return false;
    if (told_.size() >= most_limits) told_.erase(told_.begin());
    told_.push_back(telling);
    return true;
}

const CurrentLimit::Held* CurrentLimit::latest(Clock::time_point now) const {
    for (auto each = held_.rbegin(); each != held_.rend(); ++each)
        if (now < each->until) return &*each;
    return nullptr;
}

void KnownLimits::restore(const std::string& provider, const std::string& key, const CurrentLimit& limit,
                          Clock::time_point now) {
    if (limit.holds(now)) known_[provider].try_emplace(key, limit);
}

bool KnownLimits::learn(const std::string& provider, const std::string& key, const broker::Verdict& verdict,
                        Clock::time_point now, UtcTime wall) {
    auto& of_provider = known_[provider];
    if (!verdict.limit) {
        const auto known = of_provider.find(key);
        if (known == of_provider.end()) return false;
        known->second.learn(verdict, now, wall);
        if (!known->second.holds(now)) of_provider.erase(known);
        return false;
    }
    if (of_provider.size() >= most_keys && !of_provider.contains(key))
        of_provider.erase(
            std::ranges::min_element(of_provider, {}, [&](const auto& each) { return each.second.since(now); }));
    return of_provider[key].learn(verdict, now, wall);
}

std::optional<SessionLimit> KnownLimits::of(const std::string& provider, Clock::time_point now) const {
    const auto found = known_.find(provider);
    if (found == known_.end()) return std::nullopt;
    const CurrentLimit* latest = nullptr;
    for (const auto& [key, known] : found->second)
        if (known.holds(now) && (!latest || known.since(now) > latest->since(now))) latest = &known;
    return latest ? latest->at(now) : std::nullopt;
}

CurrentLimit KnownLimits::of_key(const std::string& provider, const std::string& key) const {
    const auto found = known_.find(provider);
    if (found == known_.end()) return {};
    const auto known = found->second.find(key);
    return known == found->second.end() ? CurrentLimit() : known->second;
}

}  // namespace capsule
