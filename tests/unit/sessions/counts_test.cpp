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
    counts.add(traffic(200));
    counts.add(traffic(429, broker::Limit{"window", "used up", "04:00"}));
    EXPECT_EQ(counts.requests.total, 2U);
    EXPECT_EQ(counts.requests.failed, 1U);
    EXPECT_EQ(counts.tokens.input, 14U);
    EXPECT_EQ(counts.tokens.cached, 4U);
    ASSERT_EQ(counts.models.size(), 1U);
    EXPECT_EQ(counts.models.front().count, 2U);
    ASSERT_TRUE(counts.limit);
    EXPECT_EQ(counts.limit->kind, "window");
    // Gone with the next answer that is fine, but not with news that have no answer in them.
    broker::Traffic streams;
    streams.streams = 1;
    counts.add(streams);
    EXPECT_TRUE(counts.limit);
    counts.add(traffic(502));
    EXPECT_TRUE(counts.limit);
    counts.add(traffic(200));
    EXPECT_FALSE(counts.limit);
}

TEST(SessionCounts, DoNotGrowWithNamesOfModels) {
    SessionCounts counts;
    for (int i = 0; i < 10'000; ++i) {
        broker::Traffic one;
        one.models = {{"model-" + std::to_string(i), "", 1}};
        counts.add(one);
    }
    EXPECT_LE(counts.models.size(), 64U);
}

}  // namespace
}  // namespace capsule
