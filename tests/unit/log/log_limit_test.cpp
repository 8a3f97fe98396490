#include "daemon/log/log_limit.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

using std::chrono::seconds;

class Limit : public testing::Test {
  protected:
    bool allows(std::string_view kind, std::int64_t uid) { return limit_.allows(kind, uid, 3, now_); }
    LogLimit limit_;
    LogLimit::Clock::time_point now_ = LogLimit::Clock::time_point(std::chrono::hours(1));
};

TEST_F(Limit, ABucketIsEachKindsAndEachUsers) {
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(allows("denied", 1000));
    EXPECT_FALSE(allows("denied", 1000));
    EXPECT_TRUE(allows("denied", 1001));
    EXPECT_TRUE(allows("spawn", 1000));
}

TEST_F(Limit, ItIsFullAgainAfterAMinuteAndTellsOnceWhatWasLeftOut) {
    for (int i = 0; i < 5; ++i)
        allows("denied", 1000);
    EXPECT_EQ(limit_.due(), now_ + seconds(60));
    now_ += seconds(59);
    EXPECT_FALSE(allows("denied", 1000));
    EXPECT_TRUE(limit_.left_out(now_).empty()) << "not before it may be written again";
    now_ += seconds(1);
    const auto left_out = limit_.left_out(now_);
    ASSERT_EQ(left_out.size(), 1U);
    EXPECT_EQ(left_out[0].kind, "denied");
    EXPECT_EQ(left_out[0].uid, 1000);
    EXPECT_EQ(left_out[0].lines, 3U);
    EXPECT_TRUE(limit_.left_out(now_).empty());
    EXPECT_EQ(limit_.due(), LogLimit::Clock::time_point::max());
    EXPECT_TRUE(allows("denied", 1000));
}

TEST_F(Limit, ManyUsersDoNotMakeItGrowWithoutEnd) {
    for (std::int64_t uid = 0; uid < static_cast<std::int64_t>(LogLimit::most_buckets); ++uid)
        EXPECT_TRUE(allows("denied", uid));
    int allowed = 0;
    for (std::int64_t uid = 100'000; uid < 100'100; ++uid)
        allowed += allows("denied", uid) ? 1 : 0;
    EXPECT_EQ(allowed, 3) << "they share one";
    now_ += seconds(60);
    limit_.left_out(now_);
    EXPECT_TRUE(allows("denied", 200'000));
}

}  // namespace
}  // namespace capsule
