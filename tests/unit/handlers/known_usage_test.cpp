#include "daemon/handlers/known_usage.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

using namespace std::chrono_literals;

const KnownUsage::Clock::time_point start{};

const std::string utc = "2026-11-26T11:00:00Z";

UsageRow answer() {
    UsageRow row;
    row.id = "zai";
    row.windows = {{"5 hours", 40, "2026-11-26T12:00:00Z"}, {"month", 10, std::nullopt}};
    return row;
}

std::string shown(const KnownUsage& usage, const std::string& key, const std::string& at,
                  KnownUsage::Clock::time_point now) {
    std::string out;
    if (const auto known = usage.of("zai", key, at, now))
        for (const UsageWindow& window : known->windows)
            out += window.label + ";";
    return out;
}

TEST(KnownUsage, IsAskedForOnceAMinuteForEachKey) {
    KnownUsage usage;
    EXPECT_FALSE(usage.fresh("zai", "one", utc, start));
    usage.learn("one", answer(), start);
    EXPECT_TRUE(usage.fresh("zai", "one", utc, start + 59s));
    EXPECT_FALSE(usage.fresh("zai", "one", utc, start + 60s));
    EXPECT_FALSE(usage.fresh("zai", "two", utc, start));
}

// A window's begin is the provider's time of day; an answer's age is nobody's to set.
TEST(KnownUsage, AClockThatIsSetHidesWhatIsOverAndMakesNothingYounger) {
    KnownUsage usage;
    usage.learn("one", answer(), start);
    EXPECT_EQ(shown(usage, "one", "2026-11-26T11:59:59Z", start + 1h), "5 hours;month;");
    EXPECT_EQ(shown(usage, "two", "2026-11-26T11:59:59Z", start + 1h), "");
    EXPECT_EQ(shown(usage, "one", "2026-11-26T12:00:00Z", start + 1h), "month;");
    EXPECT_EQ(shown(usage, "one", "2031-01-01T00:00:00Z", start + 1h), "month;") << "it was set";
    EXPECT_EQ(shown(usage, "one", "1970-01-01T00:00:00Z", start + 1h), "5 hours;month;") << "and back";
    EXPECT_EQ(shown(usage, "one", "1970-01-01T00:00:00Z", start + 5h), "");
    EXPECT_FALSE(usage.fresh("zai", "one", utc, start + 5h));
}

TEST(KnownUsage, AFailedQuestionForgetsNothing) {
    KnownUsage usage;
    UsageRow good = answer(), failed;
    good.fetched_at = "2026-11-26T10:00:00Z";
    failed.id = "zai";
    failed.fetched_at = "2026-11-26T11:00:00Z";
    failed.error = "HTTP 500";
    usage.learn("one", failed, start);
    EXPECT_EQ(usage.fresh("zai", "one", utc, start)->error, "HTTP 500");
    EXPECT_FALSE(usage.of("zai", "one", utc, start));
    usage.learn("one", good, start);
    usage.learn("one", failed, start + 1h);
    const auto row = usage.fresh("zai", "one", utc, start + 1h);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->windows.size(), 2U);
    EXPECT_EQ(row->fetched_at, "2026-11-26T10:00:00Z");
    EXPECT_EQ(row->error, "HTTP 500");
    const auto known = usage.of("zai", "one", utc, start + 1h);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->fetched_at, "2026-11-26T10:00:00Z");
    EXPECT_EQ(known->error, "HTTP 500");
    EXPECT_EQ(usage.fresh("zai", "one", "2026-11-26T12:00:00Z", start + 1h)->windows.size(), 1U) << "one is over";
    EXPECT_FALSE(usage.of("zai", "one", utc, start + 5h)) << "no younger than it is";
    usage.learn("one", good, start + 2h);
    EXPECT_FALSE(usage.of("zai", "one", utc, start + 2h)->error);
    usage.learn("two", failed, start + 3h);
    EXPECT_FALSE(usage.of("zai", "two", utc, start + 3h)) << "another key's";
}

}  // namespace
}  // namespace capsule
