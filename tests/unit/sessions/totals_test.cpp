#include "daemon/sessions/totals.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

SessionRecord of(std::string agent, std::string provider) {
    SessionRecord record;
    record.agent = std::move(agent);
    record.provider = std::move(provider);
    return record;
}

TEST(Totals, AreOfEachAgentOnEachProvider) {
    Totals totals;
    totals.started(of("claude", "zai"));
    totals.started(of("claude", "kimi"));
    broker::Traffic traffic;
    traffic.requests = 3;
    traffic.failed = 1;
    traffic.tokens = {10, 4, 2};
    traffic.bytes_up = 100;
    traffic.bytes_down = 200;
    traffic.latency = {1, 0, 2};
    traffic.latency_s = 1.5;
    traffic.refusals = {{"busy", 1}};
    totals.add(of("claude", "zai"), traffic);
    totals.add(of("claude", "zai"), traffic);
    ASSERT_EQ(totals.cells().size(), 2U);
    const CellMetrics& zai = totals.cells()[0];
    EXPECT_EQ(zai.provider, "zai");
    EXPECT_EQ(zai.started, 1U);
    EXPECT_EQ(zai.requests.total, 6U);
    EXPECT_EQ(zai.requests.failed, 2U);
    EXPECT_EQ(zai.tokens.cached, 4U);
    EXPECT_EQ(zai.bytes_down, 400U);
    EXPECT_EQ(zai.latency.bounds_s.size() + 1, zai.latency.counts.size());
    EXPECT_EQ(zai.latency.counts[2], 4U);
    EXPECT_EQ(zai.latency.sum_s, 3.0);
    EXPECT_EQ(zai.refusals.at("busy"), 2U);
    EXPECT_EQ(totals.cells()[1].requests.total, 0U);
}

TEST(Totals, ALatencyOfMoreBoundsThanOursBreaksNothing) {
    Totals totals;
    broker::Traffic traffic;
    traffic.latency.assign(100, 1);
    totals.add(of("codex", "openai"), traffic);
    EXPECT_EQ(totals.cells()[0].latency.counts.back(), 1U);
}

TEST(Totals, SayWhetherAnyRequestIsSeen) {
    Totals totals;
    SessionRecord session = of("claude", "zai");
    session.keys = "env";
    totals.started(session);
    EXPECT_FALSE(totals.cells()[0].counted);
    session.keys = "broker";
    session.remote_url = "http://127.0.0.1:4587";
    totals.started(session);
    EXPECT_FALSE(totals.cells()[0].counted) << "another capsuled sees them";
    session.remote_url.reset();
    totals.started(session);
    EXPECT_TRUE(totals.cells()[0].counted);
}

TEST(Totals, OfStrangersByCode) {
    Totals totals;
    totals.add(broker::Strangers{"capsule_session_ended", 2});
    totals.add(broker::Strangers{"capsule_session_ended", 3});
    EXPECT_EQ(totals.strangers().at("capsule_session_ended"), 5U);
}

}  // namespace
}  // namespace capsule
