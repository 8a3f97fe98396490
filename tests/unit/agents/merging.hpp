// What the tests of the agents' files share.
#pragma once

#include <gtest/gtest.h>

#include "daemon/agents/opencode/opencode_json.hpp"

namespace capsule::test {

inline constexpr const char* fake_key = "sk-cp-FAKE-minimax-0001";

inline OpencodeBlock inline_block() {
    return {"minimax", "MiniMax", "@ai-sdk/anthropic", "https://api.minimax.io/anthropic/v1", Secret(fake_key), "M3"};
}

inline Merged must(const Result<Merged>& merged) {
    EXPECT_TRUE(merged.has_value()) << (merged ? "" : merged.error().message);
    return merged ? *merged : Merged{};
}

}  // namespace capsule::test
