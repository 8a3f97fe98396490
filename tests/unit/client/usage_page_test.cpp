#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/commands/usage_page.hpp"
#include "client/plan_left.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;
using testing::HasSubstr;
using testing::Not;

TEST(PlanUsagePage, HasALineForEachWindow) {
    UsageResult result;
    result.providers = {
        {"zai", "Z.AI", "pro", {{"5 hours", 42, "2026-11-26T14:00:00Z"}, {"week", 100, {}}}, "", "undocumented", {}},
        {"minimax", "MiniMax", {}, {{"5 hours", 0, "soon"}}, "", "documented", {}},
        {"kimi", "Kimi", {}, {}, "", "undocumented", "the answer is empty"},
    };
    constexpr std::time_t two_hours_before = 1795694400;
    EXPECT_EQ(usage_page(result, plain, two_hours_before),
              "PROVIDER  PLAN  WINDOW   USED   BEGINS ANEW\n"
              "Z.AI      pro   5 hours  42 %   in 2 h 0 min\n"
              "                week     100 %  -\n"
              "MiniMax   -     5 hours  0 %    soon\n"
              "Not documented by the provider, and so without any promise: Z.AI.\n"
              "! Kimi: the answer is empty\n");
    EXPECT_THAT(usage_page({}, plain, 0), HasSubstr("\"capsulectl auth\""));
    result.providers = {{"zai", "Z.AI", "pro", {{"week", 61, {}}}, "2026-11-26T10:00:00Z", "documented", "HTTP 500"}};
    EXPECT_THAT(usage_page(result, plain, two_hours_before),
                HasSubstr("! Z.AI: HTTP 500; shown is what it said as of 2026-11-26T10:00:00Z\n"));
}

TEST(PlanUsagePage, FitsSixtyColumns) {
    UsageResult result;
    result.providers = {
        {"zai", "Z.AI", "pro", {{"5 hours", 42, "2026-11-26T14:00:00Z"}}, "", "undocumented", {}},
        {"kimi", "Kimi", {}, {}, "", "undocumented", "the provider closed the connection before its answer was whole"},
    };
    Style narrow;
    narrow.width = 60;
    std::istringstream lines(usage_page(result, narrow, 1795694400));
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(display_width(line), 60U) << line;
}

TEST(LeastLeft, IsOfTheFullestWindowOfModels) {
    ProviderUsage usage;
    usage.windows = {{"5 hours", 42, {}}, {"week", 61, {}}, {"tools", 99, {}}};
    EXPECT_EQ(least_left(usage)->text, "week: 39 % left");
    usage.error = "HTTP 500";
    usage.fetched_at = "soon";
    EXPECT_EQ(least_left(usage)->text, "week: 39 % left, at soon");
    usage.fetched_at = "2026-11-26T10:00:00Z";
    EXPECT_THAT(least_left(usage)->text, testing::EndsWith(" ago")) << "the newest question failed";
    usage.windows = {{"tools", 99, {}}};
    EXPECT_FALSE(least_left(usage));
}

}  // namespace
}  // namespace capsule
