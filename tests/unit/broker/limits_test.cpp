#include "daemon/broker/core/limits.hpp"

#include <gtest/gtest.h>

namespace capsule::broker {
namespace {

const std::vector<LimitRule> rules{{"window", {}, "1308", {}},
                                   {"week", {}, "1310", {}},
                                   {"key", 401, {}, {}},
                                   {"busy", 429, {}, {}},
                                   {"window", 403, {}, "quota"}};

TEST(LimitKind, TheFirstRowThatFits) {
    EXPECT_EQ(limit_kind(rules, {429, "1308", "", "…"}), "window");
    EXPECT_EQ(limit_kind(rules, {429, "1302", "", "…"}), "busy");
    EXPECT_EQ(limit_kind(rules, {401, "", "authentication_error", ""}), "key");
    EXPECT_EQ(limit_kind(rules, {403, "", "", "your Quota is used up"}), "window");
    EXPECT_EQ(limit_kind(rules, {403, "", "", "forbidden"}), std::nullopt);
    EXPECT_EQ(limit_kind({{"busy", {}, "rate_limit_error", {}}}, {429, "", "rate_limit_error", ""}), "busy");
    EXPECT_EQ(limit_kind({{"busy", {}, {}, {}}}, {200, "", "", ""}), std::nullopt);
}

TEST(ResetTime, IsFoundInTheMessage) {
    EXPECT_EQ(reset_time("Your limit will reset at 2026-11-26 05:44:44"), "2026-11-26 05:44:44");
    EXPECT_EQ(reset_time("at 2026-11-26T05:44:44Z."), "2026-11-26T05:44:44Z");
    EXPECT_EQ(reset_time("at 2026-11-26T05:44:44+08:00"), "2026-11-26T05:44:44+08:00");
    EXPECT_EQ(reset_time("in five hours, 2026-11-26"), std::nullopt);
}

}  // namespace
}  // namespace capsule::broker
