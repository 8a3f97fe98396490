// The configuration that a test of routes has.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "daemon/load/load_config.hpp"

namespace capsule::test {

/// Fails the test where it is refused.
inline Config configured(std::string_view text = "", const RoleTexts& roles = {}) {
    auto config = parse_config(text, "capsule.toml", roles);
    if (config) return *std::move(config);
    ADD_FAILURE() << config.error().message;
    return Config{};
}

}  // namespace capsule::test
