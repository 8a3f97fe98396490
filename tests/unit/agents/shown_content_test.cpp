#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "tests/unit/agents/merging.hpp"

namespace capsule {
namespace {

using test::fake_key;
using test::inline_block;
using testing::HasSubstr;
using testing::Not;

TEST(ShownContent, MasksKeysAndShowsNothingOfARemoval) {
    const auto shown = [](auto content) { return file_intent(std::move(content)).shown(); };
    const auto opencode = shown(OpencodeJsonIntent{"o", {inline_block()}, {}});
    EXPECT_THAT(*opencode, HasSubstr("\"apiKey\": \"…0001\""));
    EXPECT_THAT(*opencode, Not(HasSubstr(fake_key)));
    EXPECT_THAT(*shown(ClaudeApprovalIntent{"c", "sk-ant-FAKE-0123456789", "KEY"}), Not(HasSubstr("FAKE")));
    EXPECT_EQ(*shown(OwnFileIntent{"m", "text"}), "text");
    EXPECT_THAT(*shown(TomlBlockIntent{"c", {{"x", "[model_providers.x]\n"}}, {}}),
                HasSubstr("[model_providers.x]\n# <<< capsuled"));
    EXPECT_EQ(shown(OpencodeJsonIntent{"o", {}, {inline_block()}, true}), std::nullopt);
    EXPECT_EQ(shown(OwnFileIntent{"m", std::nullopt}), std::nullopt);
    EXPECT_EQ(shown(TomlBlockIntent{"c", {}, {}}), std::nullopt);
}

}  // namespace
}  // namespace capsule
