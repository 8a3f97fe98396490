// Hand-written files beside the bytes that they should become. NN-name.in.EXT with NN-name.out.EXT, or with
// NN-name.error (a part of the message). NN-name.warning, where there is one, has a part of the warning; without it,
// there is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;
using ::testing::HasSubstr;

struct Case {
    std::string name;
    std::string stem;
    std::string in;
    std::string out_path;
};

std::vector<Case> cases(const std::string& folder, const std::string& extension) {
    std::vector<Case> all;
    const std::string ending = ".in." + extension;
    for (const auto& entry : fs::directory_iterator(std::string(CAPSULE_TEST_DATA) + "/corpus/" + folder)) {
        const std::string path = entry.path().string();
        if (!path.ends_with(ending)) continue;
        const std::string stem = path.substr(0, path.size() - ending.size());
        all.push_back({fs::path(stem).filename(), stem, read_bytes(path), stem + ".out." + extension});
    }
    std::ranges::sort(all, {}, &Case::name);
    return all;
}

std::string first_line(const std::string& path) {
    const std::string text = read_bytes(path);
    return text.substr(0, text.find('\n'));
}

std::string all_warnings(const Merged& merged) {
    std::string out;
    for (const Warning& warning : merged.warnings)
        out += warning.message + "\n";
    return out;
}

template <class Merge>
void check(const Case& one, Merge merge) {
    SCOPED_TRACE(one.name);
    const Result<Merged> merged = merge(one.in);
    if (fs::exists(one.stem + ".error")) {
        ASSERT_TRUE(merged.has_error());
        EXPECT_EQ(merged.error().code, ErrorCode::config_conflict);
        EXPECT_THAT(merged.error().message, HasSubstr(first_line(one.stem + ".error")));
        EXPECT_FALSE(merged.error().hint.empty());
        return;
    }
    ASSERT_TRUE(merged.has_value()) << merged.error().message;
    ASSERT_TRUE(fs::exists(one.out_path));
    EXPECT_EQ(merged->text, read_bytes(one.out_path));
    if (fs::exists(one.stem + ".warning"))
        EXPECT_THAT(all_warnings(*merged), HasSubstr(first_line(one.stem + ".warning")));
    else
        EXPECT_EQ(all_warnings(*merged), "");
    const Result<Merged> again = merge(merged->text);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->text, merged->text) << "a second write changes something";
}

TomlBlockIntent codex_intent() {
    return {"config.toml",
            {{"minimax",
              "[model_providers.minimax]\nname = \"MiniMax\"\nbase_url = \"https://api.minimax.io/v1\"\n"
              "env_key = \"MINIMAX_API_KEY\"\nwire_api = \"responses\"\n"}},
            {"minimax"},
            {"minimax"}};
}

OpencodeBlock zai() {
    return {"zai",    "Z.AI", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4", "{env:ZAI_API_KEY}",
            "glm-5.1"};
}
OpencodeBlock minimax() {
    return {"minimax",   "MiniMax", "@ai-sdk/anthropic", "https://api.minimax.io/anthropic/v1", "{env:MINIMAX_API_KEY}",
            "MiniMax-M3"};
}

TEST(Corpus, ConfigToml) {
    const auto all = cases("config.toml", "toml");
    EXPECT_GE(all.size(), 40U);
    for (const Case& one : all)
        check(one, [](const auto& text) { return merge_toml_block(text, codex_intent()); });
}

bool is_ours_already(const Case& one) {
    for (const char* part : {"block-there", "block-of-", "empty-block", "block-indented", "the-block"})
        if (one.name.find(part) != std::string::npos) return true;
    return false;
}

TEST(Corpus, ConfigTomlIsRestoredWhenTheBlockGoes) {
    std::size_t restored = 0;
    TomlBlockIntent none = codex_intent();
    none.tables.clear();
    none.profiles.clear();
    for (const Case& one : cases("config.toml", "toml")) {
        if (fs::exists(one.stem + ".error") || is_ours_already(one)) continue;
        SCOPED_TRACE(one.name);
        const auto written = merge_toml_block(one.in, codex_intent());
        ASSERT_TRUE(written.has_value());
        const auto removed = merge_toml_block(written->text, none);
        ASSERT_TRUE(removed.has_value()) << removed.error().message;
        EXPECT_EQ(removed->text, one.in);
        ++restored;
    }
    EXPECT_GE(restored, 20U);
}

TEST(Corpus, OpencodeJson) {
    const OpencodeJsonIntent intent{"opencode.json", {zai()}, {zai(), minimax()}};
    const auto all = cases("opencode.json", "json");
    EXPECT_GE(all.size(), 20U);
    for (const Case& one : all)
        check(one, [&](const auto& text) { return merge_opencode_json(text, intent); });
}

TEST(Corpus, OpencodeJsonIsRestoredWhenTheBlockGoes) {
    const OpencodeJsonIntent intent{"opencode.json", {zai()}, {zai(), minimax()}};
    const OpencodeJsonIntent none{"opencode.json", {}, {zai(), minimax()}, true};
    std::size_t restored = 0;
    for (const Case& one : cases("opencode.json", "json")) {
        if (fs::exists(one.stem + ".error")) continue;
        // What was ours before goes, and so does a file without anything of the user's.
        if (one.in.find("api.z.ai") != std::string::npos || one.in.find("api.minimax.io") != std::string::npos)
            continue;
        if (one.in == "{ }\n") continue;  // what is between the brackets of an empty object is not kept
        SCOPED_TRACE(one.name);
        const auto written = merge_opencode_json(one.in, intent);
        ASSERT_TRUE(written.has_value());
        const auto removed = merge_opencode_json(written->text, none);
        ASSERT_TRUE(removed.has_value());
        EXPECT_EQ(removed->text, one.in);
        ++restored;
    }
    EXPECT_GE(restored, 15U);
}

}  // namespace
}  // namespace capsule
