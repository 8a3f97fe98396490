// How many lines of one kind one user may cause: a refused request costs whoever made it nothing, and the log's disk a
// line.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace capsule {

class LogLimit {
  public:
    using Clock = std::chrono::steady_clock;

    /// The uid of lines that no user is known to have caused.
    static constexpr std::int64_t nobody = -1;

    /// Each kind and user has a bucket of `most` lines, which is filled again a minute after its first line was taken.
    /// False when it is empty: the line is left out, and counted.
    bool allows(std::string_view kind, std::int64_t uid, std::uint64_t most, Clock::time_point now);

    struct LeftOut {
        std::string kind;
        std::int64_t uid;
        std::uint64_t lines;
    };
    /// What was left out of the buckets that are full again at `now`; each is told of once.
    std::vector<LeftOut> left_out(Clock::time_point now);

    /// When left_out() has something to tell; Clock::time_point::max(): nothing was left out.
    Clock::time_point due() const noexcept { return due_; }

    static constexpr std::chrono::minutes refill{1};
    static constexpr std::size_t most_buckets = 4096;  ///< those who come later share one for each kind

  private:
    struct Bucket {
        Clock::time_point full_again;
        std::uint64_t taken = 0;
        std::uint64_t left_out = 0;
    };
    using Users = std::map<std::int64_t, Bucket>;

    Bucket& bucket(std::string_view kind, std::int64_t uid, Clock::time_point now);
    void drop_full_ones(Clock::time_point now);

    std::map<std::string, Users, std::less<>> kinds_;
    std::size_t buckets_ = 0;
    Clock::time_point due_ = Clock::time_point::max();
};

}  // namespace capsule
