#include "daemon/sessions/known_limits.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

using namespace std::chrono_literals;

const KnownLimits::Clock::time_point start{};

broker::Traffic answered(int status, std::optional<std::string> message = {}, std::optional<broker::Limit> limit = {}) {
    broker::Traffic out;
    out.session = "s";
    out.last = broker::LastAnswer{"2026-11-26T00:00:00Z", status, std::move(message)};
    out.limit = std::move(limit);
    if (status < 300) out.models.push_back({"m", "m", 1});
    return out;
}

broker::Traffic refused(const std::string& kind) {
    return answered(429, "used up", broker::Limit{kind, "used up", "04:00"});
}

std::string kind_of(const std::optional<SessionLimit>& limit) {
    return limit ? limit->kind : "none";
}

TEST(KnownLimits, AreNotTakenBackByWhatNoModelAnswered) {
    KnownLimits limits;
    limits.learn("zai", "one", refused("window"), start);
    broker::Traffic list = answered(200);
    list.models.clear();
    limits.learn("zai", "one", list, start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "window");
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
    limits.learn("zai", "two", answered(200), start + 2s);
    EXPECT_EQ(kind_of(limits.of("zai", start + 2s)), "window");
}

TEST(KnownLimits, AreGoneWithAnAnswerThatIsFineAndWithNoOther) {
    KnownLimits limits;
    limits.learn("zai", "one", refused("plan"), start);
    limits.learn("zai", "one", answered(502, "cannot be reached"), start);
    limits.learn("zai", "one", answered(200, "an error all the same"), start);
    limits.learn("zai", "one", broker::Traffic{}, start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "plan");
    limits.learn("zai", "one", answered(200), start);
    EXPECT_EQ(kind_of(limits.of("zai", "one", start)), "none");
}

TEST(KnownLimits, AreNewsOncePerKind) {
    KnownLimits limits;
    EXPECT_TRUE(limits.learn("zai", "one", refused("busy"), start));
    EXPECT_FALSE(limits.learn("zai", "one", refused("busy"), start));
    EXPECT_TRUE(limits.learn("zai", "one", refused("window"), start));
    limits.learn("zai", "one", answered(200), start);
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
        limits.learn("zai", "one", answered(429, "used up", broker::Limit{kind, "used up", resets_at}), start, wall);
        std::int64_t minutes = 0;
        while (limits.any("zai", start + std::chrono::minutes(minutes)) && minutes < 20'000)
            ++minutes;
        return minutes;
    };
    EXPECT_EQ(until("window", "2026-11-26T10:30:00Z"), 30);
    EXPECT_EQ(until("key", "2026-11-26T10:30:00Z"), 30);
    EXPECT_EQ(until("busy", "2026-11-26T10:30:00Z"), 5) << "no longer than it can be";
    EXPECT_EQ(until("window", "2026-11-26 10:30:00"), 300) << "in which zone is not known";
    EXPECT_EQ(until("week", "2026-11-26T09:59:00Z"), 0);
}

TEST(KnownLimits, ThatAlternateAreNewsOnceEach) {
    KnownLimits limits;
    int news = 0;
    for (int i = 0; i < 10; ++i)
        news += limits.learn("zai", "one", refused(i % 2 == 0 ? "busy" : "window"), start) ? 1 : 0;
    EXPECT_EQ(news, 2);
    limits.learn("zai", "one", answered(200), start);
    EXPECT_TRUE(limits.learn("zai", "one", refused("busy"), start));
}

}  // namespace
}  // namespace capsule
