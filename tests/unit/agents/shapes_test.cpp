// Configuration files in the shapes that people have: what is read of them, and that nothing of them is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/codex/settings.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "tests/unit/agents/shapes.hpp"

namespace capsule {
namespace {

using test::Shape;
using test::shapes;
using ::testing::HasSubstr;

TomlBlockIntent block() {
    TomlBlockIntent intent;
    intent.path = "/h/config.toml";
    for (const char* id : {"zai", "minimax", "kimi"})
        intent.tables.push_back({id, "[model_providers." + std::string(id) + "]\nname = \"" + id + "\"\n"});
    return intent;
}

/// Every line of `text` that says something stands in `merged`, in its order.
void expect_kept(const std::string& text, const std::string& merged) {
    std::size_t at = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        begin = end + 1;
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        at = merged.find(line, at);
        ASSERT_NE(at, merged.npos) << line;
    }
}

TEST(ConfigTomlShapes, AreManyAndNothingOfThemIsLost) {
    const std::vector<Shape> all = shapes("config_toml.txt");
    ASSERT_GE(all.size(), 60U);
    for (const Shape& shape : all) {
        SCOPED_TRACE(shape.name);
        const Result<Merged> merged = merge_toml_block(shape.text, block());
        if (!merged) {
            EXPECT_EQ(merged.error().code, ErrorCode::config_conflict);
            EXPECT_FALSE(merged.error().hint.empty());
            continue;
        }
        ASSERT_TRUE(merged->text);
        expect_kept(shape.text, *merged->text);
        const Result<Merged> again = merge_toml_block(*merged->text, block());
        ASSERT_TRUE(again);
        EXPECT_EQ(again->text, merged->text);
    }
}

TEST(ConfigTomlShapes, WhatStopsCodexIsSeenAndNothingElse) {
    for (const Shape& shape : shapes("config_toml.txt")) {
        SCOPED_TRACE(shape.name);
        const CodexUserSettings settings = read_codex_settings(toml::parse(shape.text));
        const bool stops = shape.special.starts_with("stop: ");
        ASSERT_EQ(settings.stop.has_value(), stops);
        if (stops) {
            EXPECT_THAT(settings.stop->what, HasSubstr(shape.special.substr(6)));
        }
    }
}

TEST(OpencodeJsonShapes, AreManyAndNothingOfThemIsLost) {
    OpencodeJsonIntent intent;
    intent.path = "/h/opencode.json";
    intent.blocks.push_back({.id = "zai",
                             .name = "Z.AI",
                             .npm = "@ai-sdk/openai-compatible",
                             .base_url = "https://api.z.ai/api/coding/paas/v4",
                             .api_key = std::string("{env:ZAI_API_KEY}"),
                             .model = "glm-5.3",
                             .entry = {{"name", "glm-5.3"}, {"limit", {{"context", 1000000}, {"output", 131072}}}}});
    const std::vector<Shape> all = shapes("opencode_json.txt");
    ASSERT_GE(all.size(), 60U);
    for (const Shape& shape : all) {
        SCOPED_TRACE(shape.name);
        const Result<Merged> merged = merge_opencode_json(shape.text, intent);
        ASSERT_EQ(merged.has_error(), shape.special == "conflict");
        if (!merged) continue;
        ASSERT_TRUE(merged->text);
        if (shape.special == "commented") {
            EXPECT_EQ(*merged->text, shape.text);
            EXPECT_FALSE(merged->warnings.empty());
            continue;
        }
        EXPECT_THAT(*merged->text, HasSubstr("zai"));
        const Result<Merged> again = merge_opencode_json(*merged->text, intent);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->text, merged->text);
    }
}

TEST(OpencodeJsonShapes, AnOlderBlockOfOursGetsItsWindow) {
    OpencodeJsonIntent intent;
    intent.path = "/h/opencode.json";
    intent.blocks.push_back({.id = "zai",
                             .name = "Z.AI",
                             .npm = "@ai-sdk/openai-compatible",
                             .base_url = "https://api.z.ai/api/coding/paas/v4",
                             .api_key = std::string("{env:ZAI_API_KEY}"),
                             .model = "glm-5.3",
                             .entry = {{"name", "glm-5.3"}, {"limit", {{"context", 1000000}, {"output", 131072}}}}});
    for (const Shape& shape : shapes("opencode_json.txt")) {
        if (shape.name == "our older block of zai") {
            EXPECT_THAT(*merge_opencode_json(shape.text, intent)->text, HasSubstr("1000000"));
        }
        if (shape.name == "our older block with a model of the user's") {
            EXPECT_THAT(*merge_opencode_json(shape.text, intent)->text, ::testing::Not(HasSubstr("1000000")));
        }
    }
}

}  // namespace
}  // namespace capsule
