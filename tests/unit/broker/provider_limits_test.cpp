#include "daemon/broker/core/provider_limits.hpp"

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

TEST(LimitKind, WhatTheErrorSaysCountsBeforeItsStatus) {
    const std::vector<LimitRule> rows{{"key", 401, {}, {}},
                                      {"busy", 429, {}, {}},
                                      {"window", {}, "1308", {}},
                                      {"none", {}, "1261", {}},
                                      {"week", {}, {}, "weekly"}};
    EXPECT_EQ(limit_kind(rows, {401, "1308", "", ""}), "window");
    EXPECT_EQ(limit_kind(rows, {429, "1261", "", "prompt too long"}), std::nullopt);
    EXPECT_EQ(limit_kind(rows, {429, "", "1261", ""}), std::nullopt);
    EXPECT_EQ(limit_kind(rows, {429, "", "", "your Weekly limit"}), "week");
    EXPECT_EQ(limit_kind(rows, {429, "9999", "", ""}), "busy") << "of which nobody knows anything";
}

const UtcTime told_at = *utc_time("2026-11-26T10:00:00Z");

TEST(ResetTime, IsFoundInTheMessageAndSaidInUtc) {
    const auto read = [](std::string_view message) { return reset_time({message}, {}, told_at); };
    EXPECT_EQ(read("at 2026-11-26T15:44:44Z."), "2026-11-26T15:44:44Z");
    EXPECT_EQ(read("at 2026-11-26T15:44:44.000Z."), "2026-11-26T15:44:44Z");
    EXPECT_EQ(read("at 2026-11-26 15:44:44.123+08:00"), "2026-11-26T07:44:44Z");
    EXPECT_EQ(read("at 2026-11-26T15:44:44-0530 or so"), "2026-11-26T21:14:44Z");
    EXPECT_EQ(read("at 2026-11-26 15:44:44 UTC"), "2026-11-26T15:44:44Z");
    EXPECT_EQ(read("Your limit will reset at 2026-11-26 15:44:44"), "2026-11-26 15:44:44") << "in an unknown zone";
    EXPECT_EQ(read("at 2026-13-26T15:44:44Z"), "2026-13-26T15:44:44Z") << "as it stands there";
    EXPECT_EQ(read("in five hours, 2026-11-26"), std::nullopt);
}

TEST(ResetTime, OfAProviderWhoseZoneIsKnown) {
    const auto read = [](std::string_view message) { return reset_time({message}, "+08:00", told_at); };
    EXPECT_EQ(read("at 2026-11-26 20:00:00"), "2026-11-26T12:00:00Z");
    EXPECT_EQ(read("at 2026-11-26T20:00:00Z"), "2026-11-26T20:00:00Z");
    EXPECT_EQ(read("at 2026-11-26 15:44:44"), "2026-11-26 15:44:44") << "no reset is over already: the zone is another";
}

TEST(ResetTime, OfSeveralIsTheOneThatSaysMost) {
    const std::string later = "2026-11-26T20:00:00Z";
    const auto read = [](std::string_view message, std::string_view field = "",
                         std::optional<std::string> retry_at = {}) {
        return reset_time({message, field, std::move(retry_at)}, {}, told_at);
    };
    EXPECT_EQ(read("[2026-11-26T10:00:00Z] used up; it will reset at 2026-11-26T20:00:00Z"), later);
    EXPECT_EQ(read("begun 2026-11-26T11:00:00Z, try again after 2026-11-26T20:00:00Z"), later);
    EXPECT_EQ(read("2026-11-26T11:00:00Z: 2026-11-26T20:00:00Z \u91cd\u7f6e"), later);
    EXPECT_EQ(read("[2026-11-26T09:00:00Z] used up, 2026-11-26T20:00:00Z"), later) << "what is ahead";
    EXPECT_EQ(read("[2026-11-26T11:00:00Z] used up", "", later), later) << "a header before a time of anything";
    EXPECT_EQ(read("it will reset at 2026-11-26T20:00:00Z", "", "2026-11-26T10:01:00Z"), later)
        << "and not before this";
    EXPECT_EQ(read("it will reset at 2026-11-26T11:00:00Z", later, "2026-11-26T10:01:00Z"), later);
    EXPECT_EQ(read("", "1795723200"), later);
    EXPECT_EQ(read("", "1795723200000"), later);
    for (const std::string_view bad : {"soon", "-5", "7", "99999999999999999999", "2026-11-26T09:00:00Z", "1e9"})
        EXPECT_EQ(read("", bad, "2026-11-26T10:01:00Z"), "2026-11-26T10:01:00Z") << bad;
}

}  // namespace
}  // namespace capsule::broker
