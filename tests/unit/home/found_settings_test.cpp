// A project's settings are told as far as an answer has room for them.
#include "daemon/home/found_settings.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

TEST(FoundSettings, WhatIsHeldDoesNotHideWhatIsNot) {
    FoundSettings all;
    for (int i = 0; i < 1000; ++i)
        all.add({"/repo/opencode.json", std::string(1000, 'x'), "does it", "a pin"});
    all.add({"/repo/opencode.json", "model", "does it", std::nullopt});
    for (int i = 0; i < 1000; ++i)
        all.warn("/repo/1", {"settings.neutralised", std::string(1000, 'x')});
    all.warn("/repo/0", {"settings.not_held", "/repo/0 has an effect"});
    const auto found = all.take();
    ASSERT_LT(found.size(), 140U);
    EXPECT_EQ(found[found.size() - 2].member, "model");
    EXPECT_EQ(found.back().effect, "and " + std::to_string(1000 - (found.size() - 2)) + " more that have none");
    EXPECT_TRUE(found.back().neutralised_by.has_value()) << "so it counts as one of them";
    const auto warnings = all.take_warnings();
    EXPECT_LT(warnings.size(), 40U);
    EXPECT_EQ(warnings.front().code, "settings.not_held");
    EXPECT_EQ(warnings.back().code, "settings.neutralised");
}

}  // namespace
}  // namespace capsule
