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

broker::Traffic traffic(int status, std::optional<broker::Limit> limit = {}) {
    broker::Traffic out;
    out.session = "s";
    out.requests = 1;
    out.failed = status >= 400 ? 1 : 0;
    out.tokens = {7, 3, 2};
    out.models = {{"asked", "answered", 1}};
    out.last = broker::LastAnswer{"2026-11-26T00:00:00Z", status, {}};
    out.limit = std::move(limit);
    return out;
}

TEST(SessionCounts, AreSumsAndTheLastWord) {
    SessionCounts counts;
    counts.add(traffic(200), boot);
    counts.add(traffic(429, broker::Limit{"window", "used up", "04:00"}), boot);
    EXPECT_EQ(counts.requests.total, 2U);
    EXPECT_EQ(counts.requests.failed, 1U);
    EXPECT_EQ(counts.tokens.input, 14U);
    EXPECT_EQ(counts.tokens.cached, 4U);
    ASSERT_EQ(counts.models.size(), 1U);
    EXPECT_EQ(counts.models.front().count, 2U);
    ASSERT_TRUE(counts.limit.at(boot));
    EXPECT_EQ(counts.limit.at(boot)->kind, "window");
    // Gone with the next answer that is fine, but not with news that have no answer in them.
    broker::Traffic streams;
    streams.streams = 1;
    counts.add(streams, boot);
    EXPECT_TRUE(counts.limit.at(boot));
    counts.add(traffic(502), boot);
    EXPECT_TRUE(counts.limit.at(boot));
    counts.add(traffic(200), boot);
    EXPECT_FALSE(counts.limit.at(boot));
}

TEST(SessionCounts, DoNotGrowWithNamesOfModels) {
    SessionCounts counts;
    for (int i = 0; i < 10'000; ++i) {
        broker::Traffic one;
        one.models = {{"model-" + std::to_string(i), "", 1}};
        counts.add(one, boot);
    }
    EXPECT_LE(counts.models.size(), 64U);
}

TEST(SessionCounts, OfARequestThatRuns) {
    SessionCounts counts;
    broker::Traffic begun;
    begun.requests = 1;
    begun.streams = 1;
    counts.add(begun, boot, *utc_time("2026-11-26T01:02:03Z"));
    SessionRow row = session_row({}, counts, std::nullopt, boot);
    EXPECT_EQ(row.requests.total, 1U);
    EXPECT_EQ(row.streams, 1U);
    EXPECT_EQ(row.active_at, "2026-11-26T01:02:03Z");
    EXPECT_FALSE(row.last);
}

}  // namespace
}  // namespace capsule
