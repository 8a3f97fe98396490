#include "protocol/nearest.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

TEST(OneSlipApart, IsOneCharacterMoreOrLessOrAnotherOrTwoThatChangedPlaces) {
    for (const std::string_view word : {"ZIA_API_KEY", "ZA_API_KEY", "ZAII_API_KEY", "XAI_API_KEY", "ZAI_API_KE",
                                        "ZAI_API_KEYS", "AI_API_KEY", "ZAI_API_KYE"}) {
        EXPECT_TRUE(one_slip_apart(word, "ZAI_API_KEY")) << word;
        EXPECT_TRUE(one_slip_apart("ZAI_API_KEY", word)) << word;
    }
    for (const std::string_view word : {"ZAI_API_KEY", "FAL_API_KEY", "IZA_API_KEY", "Z_API_KEY", "", "KEY"}) {
        EXPECT_FALSE(one_slip_apart(word, "ZAI_API_KEY")) << word;
        EXPECT_FALSE(one_slip_apart("ZAI_API_KEY", word)) << word;
    }
    EXPECT_FALSE(one_slip_apart("", ""));
    EXPECT_TRUE(one_slip_apart("a", ""));
}

TEST(Nearest, IsWhatAPersonMeant) {
    EXPECT_EQ(nearest("cladue", {"claude", "codex"}), "claude");
    EXPECT_EQ(nearest("amce", {"acme", "zeta"}), "acme");
    EXPECT_EQ(nearest("something", {"claude", "codex"}), std::nullopt);
}

}  // namespace
}  // namespace capsule
