#include "daemon/base/secret.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <ostream>
#include <utility>

#include "tests/support/freed_memory.hpp"

namespace capsule {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};
static_assert(!Printable<Secret>);
static_assert(!std::equality_comparable<Secret>);
// Nor does it become what can be printed, formatted or compared; and no text becomes one that nobody meant to.
static_assert(!std::convertible_to<Secret, std::string_view>);
static_assert(!std::convertible_to<std::string_view, Secret>);

TEST(Secret, HoldsWhatItWasGivenNulsToo) {
    const std::string text("sk-FAKE\0-rest", 13);
    EXPECT_EQ(Secret(text).reveal(), text);
}

TEST(Secret, DefaultIsEmpty) {
    EXPECT_TRUE(Secret().empty());
    EXPECT_TRUE(Secret("").empty());
    EXPECT_FALSE(Secret("x").empty());
}

TEST(Secret, CopiesAreIndependent) {
    Secret one("sk-FAKE-one");
    const Secret copy = one;
    one = Secret("sk-FAKE-two");
    EXPECT_EQ(copy.reveal(), "sk-FAKE-one");
    EXPECT_EQ(one.reveal(), "sk-FAKE-two");
}

TEST(Secret, MovedFromIsEmpty) {
    Secret one("sk-FAKE-one");
    const Secret two = std::move(one);
    EXPECT_EQ(two.reveal(), "sk-FAKE-one");
    EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
}

TEST(Secret, SameAsComparesContent) {
    EXPECT_TRUE(Secret("abc").same_as(Secret("abc")));
    EXPECT_FALSE(Secret("abc").same_as(Secret("abd")));
    EXPECT_FALSE(Secret("abc").same_as(Secret("abcd")));
    EXPECT_TRUE(Secret().same_as(Secret()));
}

// In the daemon whatever is freed is zeroed; a key does not rely on that.
TEST(Secret, ItsMemoryIsZeroedWhenItGoes) {
    constexpr std::string_view text = "sk-FAKE-a-key-that-goes-0001";
    test::look_in_freed_memory_for(text.substr(4));
    { const std::string plain(text); }
    EXPECT_EQ(test::freed_with_it(), 1U) << "a string leaves its text";
    test::look_in_freed_memory_for(text.substr(4));
    {
        Secret one(text);
        Secret two = one;
        two = Secret("another");
        const Secret three = std::move(one);
    }
    EXPECT_EQ(test::freed_with_it(), 0U);
    test::look_in_freed_memory_for({});
}

TEST(Mask, ShowsTheLastFourOfALongKeyOnly) {
    EXPECT_EQ(mask(Secret("sk-cp-FAKE-minimax-0001")), "…0001");
    EXPECT_EQ(mask(Secret("0123456789abcdef")), "…cdef");
    EXPECT_EQ(mask(Secret("0123456789abcde")), "…");
    EXPECT_EQ(mask(Secret()), "…");
}

TEST(Redact, ReplacesEveryOccurrenceOfEverySecret) {
    const std::vector<Secret> secrets{Secret("sk-FAKE-number-one-0001"), Secret("short"), Secret()};
    EXPECT_EQ(redact("a sk-FAKE-number-one-0001 b short sk-FAKE-number-one-0001short", secrets), "a …0001 b … …0001…");
    EXPECT_EQ(redact("nothing here", secrets), "nothing here");
}

TEST(Redact, AndWhatASecretBeginsWith) {
    const std::vector<Secret> secrets{Secret("FAKE-0123456789abcdef")};
    EXPECT_EQ(redact("FAKE-0123456789abcdef, FAKE-0123456789ab: FAKE-0123456789a", secrets), "…cdef, …: …");
    EXPECT_EQ(redact("not FAKE-0123456789", secrets), "not FAKE-0123456789") << "15 bytes";
    // Its beginning may be found one time more within it.
    const std::vector<Secret> repeating{Secret("abababababababababab-0001")};
    EXPECT_EQ(redact("abababababababababababab-0001", repeating), "…0001");
}

// As op's service account tokens do, and JWTs.
TEST(Redact, OfSecretsThatBeginAlikeNothingIsLeft) {
    const std::string alike = "ops_FAKE-eyJzaWduSW5BZGRyZXNz", first = alike + "-first-0001",
                      second = alike + "-second-0002";
    for (const auto& secrets :
         {std::vector{Secret(first), Secret(second)}, std::vector{Secret(second), Secret(first)}}) {
        EXPECT_EQ(redact("'" + alike + "-second' '" + alike + "-firs' '" + alike + "'", secrets), "'…' '…' '…'");
        EXPECT_EQ(redact(first + " " + second, secrets), "…0001 …0002");
    }
}

TEST(Redact, NorOfOneThatIsInAnother) {
    const std::string outer = "FAKE-outer-begins-inner-0001-and-goes-on-0002";
    const std::vector<Secret> secrets{Secret("inner-0001"), Secret("goes-on-0002-FAKE-beyond"), Secret(outer)};
    EXPECT_EQ(redact("a " + outer + " b inner-0001", secrets), "a …0002 b …");
    EXPECT_EQ(redact("cut: " + outer.substr(0, 38), secrets), "cut: …");
    EXPECT_EQ(redact(outer + "-FAKE-beyond", secrets), "…yond") << "they overlap";
}

}  // namespace
}  // namespace capsule
