#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "daemon/agents/codex/config_file.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "tests/unit/agents/merging.hpp"

namespace capsule {
namespace {

using test::must;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(TomlBlock, NoFile) {
    const TomlBlockIntent intent{"config.toml", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {"x"}};
    const std::string block =
        "# >>> capsuled: this block is rewritten; keep your own settings outside of it\n"
        "[model_providers.x]\nname = \"X\"\n# <<< capsuled\n";
    EXPECT_EQ(must(merge_toml_block(std::nullopt, intent)).text, block);
    const TomlBlockIntent none{"config.toml", {}, {}, {"x"}};
    EXPECT_EQ(must(merge_toml_block(std::nullopt, none)).text, std::nullopt);
    EXPECT_EQ(must(merge_toml_block(block, none)).text, std::nullopt) << "what capsuled made and is empty goes";
}

TEST(TomlBlock, SeveralTables) {
    const TomlBlockIntent both{
        "c", {{"x", "[model_providers.x]\nname = \"X\"\n"}, {"y", "[model_providers.y]\nname = \"Y\"\n"}}, {}};
    const TomlBlockIntent one{"c", {{"y", "[model_providers.y]\nname = \"Y\"\n"}}, {}, {"x", "y"}};
    const Merged written = must(merge_toml_block("a = 1\n", both));
    EXPECT_THAT(*written.text, HasSubstr("[model_providers.x]\nname = \"X\"\n[model_providers.y]"));
    const Merged fewer = must(merge_toml_block(written.text, one));
    EXPECT_THAT(*fewer.text, Not(HasSubstr("model_providers.x")));
    EXPECT_EQ(fewer.text, must(merge_toml_block("a = 1\n", one)).text);
}

TEST(TomlBlock, WhatSomebodyElseSawCountsForThatTextAlone) {
    const std::string table =
        "[model_providers.x]\nname = \"X\"\nbase_url = \"https://x\"\nenv_key = \"X\"\nwire_api = \"responses\"\n";
    TomlBlockIntent intent{"config.toml", {{"x", table}}, {"x"}};
    const std::string written = *must(merge_toml_block("a = 1\n", intent)).text;
    intent.seen = std::make_shared<const CodexConfigFile>(written);
    EXPECT_EQ(must(merge_toml_block(written, intent)).text, written);
    for (const auto& [changed, problem] : std::vector<std::pair<std::string, std::string>>{
             {written + "[model_providers.x.http_headers]\nA = \"b\"\n", "add to capsuled's table model_providers.x"},
             {"profile = \"x\"\n" + written, "legacy \"profile\""},
             {written + "[profiles.x]\n", "legacy table profiles.x"},
             {"a = 2\n" + written, "is not TOML"}}) {
        for (const auto& seen : {intent.seen, std::make_shared<const CodexConfigFile>(changed)}) {
            intent.seen = seen;
            const Result<Merged> merged = merge_toml_block(changed, intent);
            ASSERT_FALSE(merged) << changed;
            EXPECT_THAT(merged.error().message, HasSubstr(problem));
        }
    }
}

TEST(TomlBlock, NothingToDoLeavesABrokenFileAlone) {
    const TomlBlockIntent none{"config.toml", {}, {}};
    const Merged merged = must(merge_toml_block("[broken", none));
    EXPECT_EQ(merged.text, "[broken");
    EXPECT_THAT(merged.warnings, IsEmpty());
}

TEST(TomlBlock, RemovalKeepsTablesThatOthersPutWithinTheMarks) {
    const TomlBlockIntent some{"c", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {}};
    const TomlBlockIntent none{"c", {}, {}, {"x"}};
    std::string text = *must(merge_toml_block("a = 1\n", some)).text;
    text.insert(text.find("# <<<"), "\n[projects.\"/w\"]\ntrust_level = \"trusted\"\n");
    EXPECT_EQ(must(merge_toml_block(text, none)).text, "a = 1\n\n[projects.\"/w\"]\ntrust_level = \"trusted\"\n");
}

TEST(TomlBlock, WhatIsNotOursIsNeverDeleted) {
    const TomlBlockIntent some{"c", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {}};
    const TomlBlockIntent none{"c", {}, {}, {"x"}};
    const std::string block = *must(merge_toml_block(std::nullopt, some)).text;
    const std::size_t first = block.find("[model");
    const std::size_t last = block.find("# <<<");
    const std::string mine = "[model_providers.mine]\nname = \"Mine\"\nbase_url = \"http://[::1]:1/v1\"\n";
    for (const auto& [at, theirs] : {std::pair{last, mine},
                                     {first, mine},
                                     {last, std::string("# my words\n")},
                                     {last, std::string("request_max_retries = 9\n")},
                                     {first, std::string("approval_policy = \"never\"\n")},
                                     {last, std::string("[a]\nb = { c = 1 }\n")}}) {
        std::string text = block;
        text.insert(at, theirs);
        for (const TomlBlockIntent* intent : {&some, &none}) {
            const Merged merged = must(merge_toml_block(text, *intent));
            ASSERT_TRUE(merged.text.has_value()) << text;
            EXPECT_THAT(*merged.text, HasSubstr(theirs)) << text;
            const std::size_t start = merged.text->find("# >>>");
            const std::size_t end = start == std::string::npos ? start : merged.text->find("# <<<") - start;
            EXPECT_THAT(start == std::string::npos ? "" : merged.text->substr(start, end), Not(HasSubstr(theirs)));
            ASSERT_FALSE(merged.warnings.empty()) << text;
            EXPECT_EQ(merged.warnings[0].code, "codex.moved");
            EXPECT_EQ(must(merge_toml_block(merged.text, *intent)).text, merged.text);
        }
    }
    // However much it is, one warning tells of it.
    std::string much = block;
    for (int i = 0; i < 100; ++i)
        much.insert(last, "[t" + std::to_string(i) + "]\n");
    EXPECT_EQ(std::ranges::count(must(merge_toml_block(much, none)).warnings, "codex.moved", &Warning::code), 1);
    // A comment may stand behind something of ours.
    for (const char* ours : {"[model_providers.x]", "name = \"X\""}) {
        std::string commented = block;
        commented.insert(commented.find(ours) + std::string_view(ours).size(), " # my words");
        for (const TomlBlockIntent* intent : {&some, &none})
            EXPECT_THAT(*must(merge_toml_block(commented, *intent)).text, HasSubstr(ours + std::string(" # my words")));
    }
    // What Codex itself adds there is no news.
    std::string text = block;
    text.insert(last, "\n[projects.\"/w\"]\ntrust_level = \"trusted\"\n");
    EXPECT_THAT(must(merge_toml_block(text, some)).warnings, IsEmpty());
}

TEST(TomlBlock, WhatOnlyCodexReadsIsNotCalledInvalid) {
    const TomlBlockIntent intent{"config.toml", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {}};
    for (const std::string text : {"env = {\n A = \"1\",\n}\n", "a = { b = 1, }\n", "a = \"\\e\"\n"}) {
        const auto merged = merge_toml_block(text, intent);
        ASSERT_TRUE(merged.has_error()) << text;
        EXPECT_EQ(merged.error().code, ErrorCode::config_conflict);
        EXPECT_THAT(merged.error().message, Not(HasSubstr("valid")));
        EXPECT_THAT(merged.error().message, HasSubstr("is not TOML 1.0"));
        EXPECT_THAT(merged.error().hint, HasSubstr("if Codex reads the file"));
    }
}

// toml++ calls itself for each part of a key, and takes eighty times the text's size.
TEST(TomlBlock, WhatWouldExhaustTheDaemonIsNotParsed) {
    const TomlBlockIntent intent{"config.toml", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {}};
    std::string deep, numbers = "n = [1";
    for (int i = 0; i < 140'000; ++i)
        numbers += ",1";
    for (int i = 0; i < 100'000; ++i)
        deep += "a.";
    for (const auto& [text, why] : {std::pair<std::string, std::string>{deep + "a = 1\n", "more than 32 parts"},
                                    {"[" + deep + "a]\n", "more than 32 parts"},
                                    {"t = {" + deep + "a = 1}\n", "more than 32 parts"},
                                    {"'.'.\"#\"." + deep + "a = 1\n", "more than 32 parts"},
                                    {numbers + "]\n", "more than 256 KiB"}}) {
        const auto merged = merge_toml_block(text, intent);
        ASSERT_FALSE(merged.has_value()) << why;
        EXPECT_EQ(merged.error().code, ErrorCode::config_conflict);
        EXPECT_THAT(merged.error().message, HasSubstr(why));
        EXPECT_FALSE(parse_codex_toml(text).succeeded());
        EXPECT_EQ(*merge_own_file(text, {"/home/agent/.codex/zai.config.toml", "model = \"m\"\n"})->text, text);
    }
    std::string dots = "a = \"";
    dots += std::string(1000, '.') + "\" # " + std::string(1000, '.') +
            "\nb = 1.5\nc.d.e = [0.1, 0.2, 2020-01-01T00:00:00.5Z]\n";
    for (int i = 0; i < 40; ++i)
        dots += "f" + std::to_string(i) + " = [0.5,1.5,2.5]\n";
    EXPECT_TRUE(merge_toml_block(dots, intent).has_value()) << "dots of texts and numbers are no key's";
}

TEST(TomlBlock, ErrorsShowNoValue) {
    const TomlBlockIntent intent{"config.toml", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {}};
    for (const std::string text : {"token = sk-cp-FAKE-minimax-0001\n", "token = \"sk-cp-FAKE-minimax-0001\n",
                                   "token = 'a' sk-cp-FAKE-minimax-0001\n", "t = 123sk-cp-FAKE-minimax-0001\n"}) {
        const auto merged = merge_toml_block(text, intent);
        ASSERT_TRUE(merged.has_error());
        EXPECT_THAT(merged.error().message, Not(HasSubstr("FAKE-minimax")));
    }
}

TEST(TomlBlock, IsLinear) {
    const TomlBlockIntent intent{"config.toml", {{"x", "[model_providers.x]\nname = \"X\"\n"}}, {}};
    const auto seconds = [&](int tables) {
        std::string text;
        for (int i = 0; i < tables; ++i)
            text += "[t" + std::to_string(i) + "]\na = 'b'\n# capsuled\n";
        const std::clock_t start = std::clock();  // of this process alone: others run at the same time
        must(merge_toml_block(text, intent));
        return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    };
    seconds(500);
    EXPECT_LT(seconds(8000), 60 * seconds(500) + 0.5);  // linear would be 16; quadratic, 256
}

TEST(OwnFile, ProfilesOfTheUsersStay) {
    const OwnFileIntent intent{"/h/minimax.config.toml", "# Written by capsuled; x\nmodel = \"M3\"\n"};
    const OwnFileIntent none{"/h/minimax.config.toml", std::nullopt};
    for (const std::string ours :
         {"# Written by capsuled; y\nmodel_provider = \"minimax\"\nmodel = \"M2\"\n", "", "\n"}) {
        EXPECT_EQ(must(merge_own_file(ours, intent)).text, intent.content);
        EXPECT_EQ(must(merge_own_file(ours, none)).text, std::nullopt);
    }
    for (const std::string theirs :
         {"model = \"M3\"\nmodel_reasoning_effort = \"high\"\n", "# my words\nmodel = \"x\"\n", "model = 1\n",
          "[broken", "# Written by capsuled; y\nz = 1\n", "model_provider = \"minimax\"\nmodel = \"M2\"\n"}) {
        const Merged kept = must(merge_own_file(theirs, intent));
        EXPECT_EQ(kept.text, theirs);
        ASSERT_EQ(kept.warnings.size(), 1U);
        EXPECT_EQ(kept.warnings[0].code, "codex.own_profile");
        EXPECT_EQ(must(merge_own_file(theirs, none)).text, theirs);
    }
}

TEST(OwnFile, CatalogsOfTheUsersAreSaved) {
    const OwnFileIntent intent{"/h/minimax.models.json", "{\"models\":[]}"};
    const OwnFileIntent none{"/h/minimax.models.json", std::nullopt};
    const std::string ours = derive_codex_models(CodexModelList{R"("x":1)", "", {}}, {"M3", "MiniMax"});
    EXPECT_FALSE(must(merge_own_file(ours, intent)).save_existing);
    EXPECT_EQ(must(merge_own_file(ours, none)).text, std::nullopt);
    std::string with_rules = ours;
    with_rules.insert(with_rules.find(" by MiniMax.") + 12, " Never push to main.");
    std::string with_number = ours;
    with_number.replace(with_number.find("95"), 2, "80");
    for (const std::string& theirs :
         {std::string(R"({"models":[{"slug":"gpt-5","display_name":"GPT-5"}]})"), std::string("broken"),
          std::string("[]"), with_rules, with_number, ours + "\n", ours.substr(0, ours.size() - 1),
          ours.substr(0, 14) + R"({"slug":"x"},)" + ours.substr(14)}) {
        EXPECT_TRUE(must(merge_own_file(theirs, intent)).save_existing) << theirs;
        EXPECT_EQ(must(merge_own_file(theirs, intent)).text, intent.content);
        EXPECT_EQ(must(merge_own_file(theirs, none)).text, theirs);
    }
}

}  // namespace
}  // namespace capsule
