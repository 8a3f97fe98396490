#include "daemon/handlers/known_usage.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

using namespace std::chrono_literals;

const KnownUsage::Clock::time_point start{};

UsageRow answer() {
    UsageRow row;
    row.id = "zai";
    row.windows = {{"5 hours", 40, "2026-11-26T12:00:00Z"}, {"month", 10, std::nullopt}};
    return row;
}

std::string shown(const KnownUsage& usage, const std::string& key, const std::string& utc,
                  KnownUsage::Clock::time_point now) {
    std::string out;
    if (const auto known = usage.of("zai", key, utc, now))
        for (const UsageWindow& window : known->windows)
            out += window.label + ";";
    return out;
}

TEST(KnownUsage, IsAskedForOnceAMinuteForEachKey) {
    KnownUsage usage;
    EXPECT_FALSE(usage.fresh("zai", "one", start));
    usage.learn("one", answer(), start);
    EXPECT_TRUE(usage.fresh("zai", "one", start + 59s));
    EXPECT_FALSE(usage.fresh("zai", "one", start + 60s));
    EXPECT_FALSE(usage.fresh("zai", "two", start));
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
    EXPECT_FALSE(usage.fresh("zai", "one", start + 5h));
}

}  // namespace
}  // namespace capsule
