// What the tests of the configuration's reader share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "daemon/load/load_config.hpp"

namespace capsule::test {

inline Result<Config> parse(std::string_view text, const RoleTexts& roles = {}) {
    return parse_config(text, "/etc/capsule/capsule.toml", roles);
}

/// Of a text that must load.
inline Config loaded(std::string_view text, const RoleTexts& roles = {}) {
    auto config = parse(text, roles);
    if (config) return *std::move(config);
    ADD_FAILURE() << config.error().message << "\n" << config.error().hint;
    return Config{};
}

/// A text that must be refused, with the whole message (after the file's name) and the beginning of the hint.
struct Refusal {
    std::string text;
    std::string message;
    std::string hint{};
};

inline void expect_refused(const Refusal& refusal) {
    SCOPED_TRACE(refusal.text);
    const auto config = parse(refusal.text);
    ASSERT_FALSE(config) << "it was accepted";
    EXPECT_EQ(config.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(config.error().message, "/etc/capsule/capsule.toml:" + refusal.message);
    EXPECT_THAT(config.error().hint, testing::HasSubstr(refusal.hint));
}

}  // namespace capsule::test
