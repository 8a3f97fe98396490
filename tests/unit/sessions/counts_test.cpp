#include <gtest/gtest.h>

#include "daemon/sessions/session.hpp"
#include "protocol/model_name.hpp"

namespace capsule {
namespace {

TEST(SameModel, AllowsADateAndNothingElse) {
    EXPECT_TRUE(same_model("glm-5.3", "glm-5.3"));
    EXPECT_TRUE(same_model("MiniMax-M3", "minimax-m3"));
    EXPECT_TRUE(same_model("claude-opus-4-8", "claude-opus-4-8-20260101"));
    EXPECT_TRUE(same_model("gpt-5", "gpt-5-2026-01-01"));
    EXPECT_FALSE(same_model("glm-4.7", "glm-5.3"));
    EXPECT_FALSE(same_model("glm-5", "glm-5-turbo"));
    EXPECT_FALSE(same_model("glm-5", "glm-5.3"));
    EXPECT_FALSE(same_model("gpt-5", "gpt-5-1"));
    EXPECT_FALSE(same_model("glm-5.3", "glm-5"));
}

const BootClock::time_point boot{};

broker::Traffic traffic(int status) {
    broker::Traffic out;
    out.session = "s";
    out.requests = 1;
    out.failed = status >= 400 ? 1 : 0;
    out.tokens = {7, 3, 2};
    out.models = {{"asked", "answered", 1}};
    out.last = broker::LastAnswer{"2026-11-26T00:00:00Z", status, {}};
    return out;
}

TEST(SessionCounts, AreSums) {
    SessionCounts counts;
    counts.add(traffic(200));
    counts.add(traffic(429));
    EXPECT_EQ(counts.requests.total, 2U);
    EXPECT_EQ(counts.requests.failed, 1U);
    EXPECT_EQ(counts.tokens.input, 14U);
    EXPECT_EQ(counts.tokens.cached, 4U);
    ASSERT_EQ(counts.models.size(), 1U);
    EXPECT_EQ(counts.models.front().count, 2U);
}

TEST(SessionCounts, DoNotGrowWithNamesOfModels) {
    SessionCounts counts;
    for (int i = 0; i < 10'000; ++i) {
        broker::Traffic one;
        one.models = {{"model-" + std::to_string(i), "", 1}};
        counts.add(one);
    }
    EXPECT_EQ(counts.models.size(), 32U);
}

TEST(SessionCounts, NorWithTheLengthOfNames) {
    SessionCounts counts;
    const auto ask = [&](std::string asked, std::string answered) {
        broker::Traffic one;
        one.models = {{std::move(asked), std::move(answered), 1}};
        counts.add(one);
    };
    ask("asked", "answered");
    for (int i = 0; i < 32; ++i)
        ask(std::to_string(1'000 + i) + std::string(124, 'a'), std::string(128, 'b'));
    EXPECT_EQ(counts.models.size(), 4U) << "each of the long ones has 256 bytes";
    ask("short", "too");
    ask("asked", "answered");
    EXPECT_EQ(counts.models.size(), 5U);
    EXPECT_EQ(counts.models.front().count, 2U);
}

TEST(SessionCounts, OfARequestThatRuns) {
    SessionCounts counts;
    broker::Traffic begun;
    begun.requests = 1;
    begun.streams = 1;
    counts.add(begun, *utc_time("2026-11-26T01:02:03Z"));
    SessionRow row = session_row({}, counts, std::nullopt, boot);
    EXPECT_EQ(row.requests.total, 1U);
    EXPECT_EQ(row.streams, 1U);
    EXPECT_EQ(row.active_at, "2026-11-26T01:02:03Z");
    EXPECT_FALSE(row.last);
}

}  // namespace
}  // namespace capsule
