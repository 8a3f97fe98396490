#include "daemon/log/log_limit.hpp"

#include <algorithm>
#include <utility>

namespace capsule {

void LogLimit::drop_full_ones(Clock::time_point now) {
    buckets_ = 0;
    for (auto& [kind, users] : kinds_) {
        std::erase_if(users,
                      [&](const auto& user) { return user.second.full_again <= now && user.second.left_out == 0; });
        buckets_ += users.size();
    }
}

LogLimit::Bucket& LogLimit::bucket(std::string_view kind, std::int64_t uid, Clock::time_point now) {
    auto users = kinds_.find(kind);
    if (users == kinds_.end()) users = kinds_.emplace(std::string(kind), Users()).first;
    if (const auto found = users->second.find(uid); found != users->second.end()) return found->second;
    if (buckets_ >= most_buckets) drop_full_ones(now);
    if (buckets_ >= most_buckets) uid = nobody;
    const auto [bucket, is_new] = users->second.try_emplace(uid);
    if (is_new) ++buckets_;
    return bucket->second;
}

bool LogLimit::allows(std::string_view kind, std::int64_t uid, std::uint64_t most, Clock::time_point now) {
    Bucket& its = bucket(kind, uid, now);
    if (its.full_again <= now && its.left_out == 0) {
        its.taken = 0;
        its.full_again = now + refill;
    }
    if (its.taken < most) {
        ++its.taken;
        return true;
    }
    ++its.left_out;
    due_ = std::min(due_, its.full_again);
    return false;
}

std::vector<LogLimit::LeftOut> LogLimit::left_out(Clock::time_point now) {
    std::vector<LeftOut> all;
    due_ = Clock::time_point::max();
    for (auto& [kind, users] : kinds_)
        for (auto& [uid, bucket] : users) {
            if (bucket.left_out == 0) continue;
            if (bucket.full_again <= now)
                all.push_back({kind, uid, std::exchange(bucket.left_out, 0)});
            else
                due_ = std::min(due_, bucket.full_again);
        }
    return all;
}

}  // namespace capsule
