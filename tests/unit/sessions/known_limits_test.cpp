#include "daemon/sessions/known_limits.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

using namespace std::chrono_literals;

const KnownLimits::Clock::time_point start{};

const broker::Verdict fine{{}, "m"};

broker::Verdict refused(const std::string& kind, const std::string& model = "m",
                        const std::string& resets_at = "04:00") {
    return {broker::Limit{kind, "used up", resets_at}, model};
}

std::string kind_of(const std::optional<SessionLimit>& limit) {
    return limit ? limit->kind : "none";
}

TEST(KnownLimits, OfBeforeARestartAreKnownAgainUnlessOver) {
    KnownLimits limits;
    CurrentLimit before;
    before.set(SessionLimit{"window", "used up", {}}, start, start);
    limits.restore("zai", "one", before, start + 6h);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 6h)), "none");
    limits.restore("zai", "one", before, start + 1h);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 1h)), "window");
}

TEST(KnownLimits, AreAKeysAndNotAnothers) {
    KnownLimits limits;
    EXPECT_TRUE(limits.learn("zai", "one", refused("window"), start));
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "window");
    EXPECT_EQ(limits.of("zai", "one", start)->resets_at, "04:00");
    EXPECT_EQ(kind_of(limits.of("zai", "two", start)), "none");
    EXPECT_EQ(kind_of(limits.of("kimi", "one", start)), "none");
    EXPECT_EQ(kind_of(limits.of("zai", start)), "window");
    EXPECT_TRUE(limits.learn("zai", "two", refused("week"), start + 1s));
    EXPECT_EQ(kind_of(limits.of("zai", start + 1s)), "week");
    limits.learn("zai", "two", fine, start + 2s);
    EXPECT_EQ(kind_of(limits.of("zai", start + 2s)), "window");
}

TEST(KnownLimits, AreGoneWithAnAnswerThatIsFine) {
    KnownLimits limits;
    limits.learn("zai", "one", refused("plan"), start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "plan");
    limits.learn("zai", "one", fine, start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "none");
}

TEST(KnownLimits, OfAModelAreThatModels) {
    const broker::Verdict other{{}, "other"};
    KnownLimits limits;
    EXPECT_TRUE(limits.learn("zai", "one", refused("model"), start));
    EXPECT_EQ(limits.of("zai", "one", start)->model, "m");
    limits.learn("zai", "one", other, start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "model");
    EXPECT_FALSE(limits.learn("zai", "one", refused("model"), start)) << "no news";
    EXPECT_TRUE(limits.learn("zai", "one", refused("model", "third"), start)) << "another model's is";
    EXPECT_TRUE(limits.learn("zai", "one", refused("window"), start));
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "window");
    limits.learn("zai", "one", other, start);
    EXPECT_EQ(limits.of("zai", "one", start)->model, "third");
    limits.learn("zai", "one", {{}, "third"}, start);
    EXPECT_EQ(limits.of("zai", "one", start)->model, "m");
    limits.learn("zai", "one", fine, start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "none");
    EXPECT_TRUE(limits.learn("zai", "one", refused("model"), start));
}

TEST(KnownLimits, OfAWindowOutlivesABusyMoment) {
    KnownLimits limits;
    limits.learn("zai", "one", refused("window"), start);
    limits.learn("zai", "one", refused("busy"), start + 1h);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 1h)), "busy");
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 2h)), "window");
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 5h)), "none") << "since it was told itself";
    limits.learn("zai", "one", fine, start + 2h);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 2h)), "none");
}

TEST(KnownLimits, DoNotGrowWithModels) {
    CurrentLimit limit;
    for (int i = 0; i < 1000; ++i)
        limit.learn(refused("model", std::to_string(i)), start);
    for (int i = 960; i < 1000; ++i)
        limit.learn({{}, std::to_string(i)}, start);
    EXPECT_FALSE(limit.holds(start));
}

TEST(KnownLimits, AreNewsOncePerKind) {
    KnownLimits limits;
    EXPECT_TRUE(limits.learn("zai", "one", refused("busy"), start));
    EXPECT_FALSE(limits.learn("zai", "one", refused("busy"), start));
    EXPECT_TRUE(limits.learn("zai", "one", refused("window"), start));
    limits.learn("zai", "one", fine, start);
    EXPECT_TRUE(limits.learn("zai", "one", refused("window"), start));
}

TEST(KnownLimits, OfTheClockAreOverWhenTheyMustBe) {
    for (const auto& [kind, lasts] : std::vector<std::pair<std::string, KnownLimits::Clock::duration>>{
             {"busy", 5min}, {"window", 5h}, {"week", 168h}}) {
        KnownLimits limits;
        limits.learn("zai", "one", refused(kind), start);
        EXPECT_EQ(kind_of(limits.of("zai", "one", start + lasts - 1s)), kind);
        EXPECT_EQ(kind_of(limits.of("zai", "one", start + lasts)), "none") << kind;
        EXPECT_FALSE(limits.any("zai", start + lasts));
    }
    KnownLimits limits;
    limits.learn("zai", "one", refused("key"), start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start + 10'000h)), "key");
}

TEST(KnownLimits, DoNotGrowWithKeys) {
    KnownLimits limits;
    for (int i = 0; i < 1000; ++i)
        limits.learn("zai", std::to_string(i), refused("key"), start + std::chrono::seconds(i));
    int known = 0;
    for (int i = 0; i < 1000; ++i)
        known += limits.of("zai", std::to_string(i), start).has_value();
    EXPECT_LE(known, 64);
    EXPECT_TRUE(limits.of("zai", "999", start));
}

TEST(KnownLimits, AreOverAtTheirOwnResetTime) {
    const UtcTime wall = *utc_time("2026-11-26T10:00:00Z");
    const auto until = [&](const std::string& kind, const std::string& resets_at) {
        KnownLimits limits;
        limits.learn("zai", "one", refused(kind, "m", resets_at), start, wall);
        std::int64_t minutes = 0;
        while (limits.any("zai", start + std::chrono::minutes(minutes)) && minutes < 60'000)
            ++minutes;
        return minutes;
    };
    EXPECT_EQ(until("window", "2026-11-26T10:30:00Z"), 30);
    EXPECT_EQ(until("key", "2026-11-26T10:30:00Z"), 30);
    EXPECT_EQ(until("busy", "2026-11-26T10:30:00Z"), 5) << "no longer than it can be";
    EXPECT_EQ(until("window", "2026-11-26 10:30:00"), 300) << "in which zone is not known";
    EXPECT_EQ(until("week", "2026-11-26T09:59:00Z"), 0);
    EXPECT_EQ(until("week", "2026-12-16T10:00:00Z"), 20 * 24 * 60) << "a month's";
    EXPECT_EQ(until("week", "2027-11-26T10:00:00Z"), 31 * 24 * 60);
    CurrentLimit month;
    month.learn({broker::Limit{"week", "Weekly/Monthly Limit Exhausted", {}}, "m"}, start);
    EXPECT_TRUE(month.holds(start + 30 * 24h));
}

TEST(KnownLimits, ThatAlternateAreNewsOnceEach) {
    KnownLimits limits;
    int news = 0;
    for (int i = 0; i < 10; ++i)
        news += limits.learn("zai", "one", refused(i % 2 == 0 ? "busy" : "window"), start) ? 1 : 0;
    EXPECT_EQ(news, 2);
    limits.learn("zai", "one", fine, start);
    EXPECT_TRUE(limits.learn("zai", "one", refused("busy"), start));
}

}  // namespace
}  // namespace capsule
