#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/edit/json_edit.hpp"
#include "tests/support/many_members.hpp"

namespace capsule {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* fake_key = "sk-cp-FAKE-minimax-0001";

OpencodeBlock inline_block() {
    return {"minimax", "MiniMax", "@ai-sdk/anthropic", "https://api.minimax.io/anthropic/v1", Secret(fake_key), "M3"};
}

Merged must(const Result<Merged>& merged) {
    EXPECT_TRUE(merged.has_value()) << (merged ? "" : merged.error().message);
    return merged ? *merged : Merged{};
}

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

TEST(OpencodeJson, NoFile) {
    const OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    const Merged merged = must(merge_opencode_json(std::nullopt, intent));
    EXPECT_TRUE(merged.holds_key);
    EXPECT_THAT(*merged.text, HasSubstr(fake_key));
    const OpencodeJsonIntent no_keys{"opencode.json", {}, {inline_block()}};
    EXPECT_EQ(must(merge_opencode_json(std::nullopt, no_keys)).text, "{\n  \"permission\" \t: \"allow\"\n}\n");
    EXPECT_FALSE(must(merge_opencode_json(merged.text, no_keys)).holds_key);
    const OpencodeJsonIntent none{"opencode.json", {}, {inline_block()}, true};
    EXPECT_EQ(must(merge_opencode_json(std::nullopt, none)).text, std::nullopt);
    EXPECT_EQ(must(merge_opencode_json(merged.text, none)).text, std::nullopt) << "wholly ours, so it goes";
    EXPECT_EQ(must(merge_opencode_json("{\n  \"theme\": \"x\"\n}\n", none)).text, "{\n  \"theme\": \"x\"\n}\n");
}

TEST(OpencodeJson, WhatWouldKeepTheDaemonBusyIsNotParsed) {
    std::string members = "{\"n\":1";
    for (int i = 0; i < 200'000; ++i)
        members += ",\"" + std::to_string(i) + "\":1";
    members += "}";
    OpencodeJsonIntent intent;
    intent.path = "opencode.json";
    intent.blocks = {inline_block()};
    const auto merged = merge_opencode_json(members, intent);
    ASSERT_TRUE(merged.has_error());
    EXPECT_EQ(merged.error().code, ErrorCode::config_conflict);
    EXPECT_THAT(merged.error().message, HasSubstr("more than 1 MiB"));
    intent.blocks.clear();
    intent.only_remove = true;
    EXPECT_EQ(must(merge_opencode_json(members, intent)).text, members) << "nothing of it is lost";
}

TEST(OpencodeJson, AFileOfTooManyMembersHasNothingOfOurs) {
    const OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    const std::string block =
        R"("permission":"ask","provider":{"minimax":{"npm":"@ai-sdk/anthropic","options":{"baseURL":"https://api.minimax.io/anthropic/v1"}}})";
    EXPECT_THAT(must(merge_opencode_json(test::many_members(9, block) + "//", intent)).warnings, IsEmpty());
    const std::string many = test::many_members(1001, block) + "//";
    const Merged merged = must(merge_opencode_json(many, intent));
    EXPECT_EQ(merged.text, many);
    ASSERT_EQ(merged.warnings.size(), 1U) << "it is not read to its end";
}

TEST(OpencodeJson, OurPermissionGoesWithOurBlock) {
    const OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    OpencodeJsonIntent none{"opencode.json", {}, {inline_block()}, true};
    const std::string theirs = "{\n  \"theme\": \"x\"\n}\n";
    const Merged written = must(merge_opencode_json(theirs, intent));
    EXPECT_THAT(*written.text, HasSubstr("\"permission\": \"allow\""));
    EXPECT_EQ(must(merge_opencode_json(written.text, none)).text, theirs);
    // The user's own word is the user's, whether or not it is what we would have written.
    const std::string own = "{\n  \"permission\": \"allow\",\n  \"theme\": \"x\"\n}\n";
    EXPECT_EQ(must(merge_opencode_json(must(merge_opencode_json(own, intent)).text, none)).text, own);
    // A file without a block gets no permission: nothing would say that it is ours.
    const OpencodeJsonIntent no_blocks{"opencode.json", {}, {inline_block()}};
    EXPECT_EQ(must(merge_opencode_json(theirs, no_blocks)).text, theirs);
}

std::string with_schema(std::string text) {
    return text.insert(1, "\n  \"$schema\": \"https://opencode.ai/config.json\",");
}

TEST(OpencodeJson, APermissionThatStandsAloneIsOursAsWeWriteItAlone) {
    const OpencodeJsonIntent with{"opencode.json", {inline_block()}, {inline_block()}};
    OpencodeJsonIntent without{"opencode.json", {}, {inline_block()}};
    OpencodeJsonIntent none{"opencode.json", {}, {inline_block()}, true};
    const std::string ours = *must(merge_opencode_json(std::nullopt, without)).text;
    const std::string theirs = "{\n  \"permission\": \"allow\"\n}\n";
    for (const std::string word : {"allow", "ask", ""}) {
        without.permission = none.permission = word;
        for (const std::string& text : {theirs, with_schema(theirs)})
            for (const OpencodeJsonIntent* intent : {&without, &none})
                EXPECT_EQ(must(merge_opencode_json(text, *intent)).text, text) << word;
        EXPECT_THAT(must(merge_opencode_json(ours, none)).text.value_or("none"), Not(HasSubstr("permission")));
        EXPECT_THAT(*must(merge_opencode_json(with_schema(ours), none)).text, Not(HasSubstr("permission")));
        const std::string now = *must(merge_opencode_json(ours, without)).text;
        EXPECT_EQ(now.find("permission") == now.npos, word.empty());
        EXPECT_THAT(now, HasSubstr(word.empty() ? "{" : "\"" + word + "\""));
    }
    // With a block it is ours as ever, and the whole file goes with it.
    none.permission = "allow";
    const std::string block = *must(merge_opencode_json(ours, with)).text;
    EXPECT_THAT(block, HasSubstr("\"allow\""));
    EXPECT_EQ(must(merge_opencode_json(block, none)).text, std::nullopt);
}

TEST(OpencodeJson, AUsersPermissionIsNeverWeakened) {
    OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    for (const std::string said :
         {R"("permission": {"bash": "deny"})", R"("permission": "ask")", R"("permission": null)",
          R"("tools": {"bash": false})", R"("agent": {"build": {"permission": {"edit": "ask"}}})",
          R"("mode": {"plan": {"tools": {"write": false}}})"}) {
        const Merged merged = must(merge_opencode_json("{ " + said + " }", intent));
        EXPECT_THAT(*merged.text, Not(HasSubstr("\"allow\""))) << said;
        EXPECT_THAT(*merged.text, HasSubstr(said));
        EXPECT_THAT(*merged.text, HasSubstr("api.minimax.io"));
    }
    // Said later, beside ours.
    std::string text = *must(merge_opencode_json(std::nullopt, intent)).text;
    text.insert(1, "\n  \"tools\": {\"bash\": false},");
    EXPECT_THAT(*must(merge_opencode_json(text, intent)).text, Not(HasSubstr("\"permission\"")));
    // Said in another file.
    const Merged ours = must(merge_opencode_json(std::nullopt, intent));
    intent.permission.clear();
    EXPECT_THAT(*must(merge_opencode_json(ours.text, intent)).text, Not(HasSubstr("\"permission\"")));
    EXPECT_THAT(*must(merge_opencode_json(std::nullopt, intent)).text, Not(HasSubstr("\"permission\"")));
    intent.permission = "ask";
    EXPECT_THAT(*must(merge_opencode_json(ours.text, intent)).text, HasSubstr("\"permission\": \"ask\""));
}

TEST(OpencodeJson, AUsersEmptyFileStays) {
    OpencodeJsonIntent with{"opencode.json", {inline_block()}, {inline_block()}};
    with.permission = "allow";
    OpencodeJsonIntent without{"opencode.json", {}, {inline_block()}, true};
    without.permission = "allow";
    for (const std::string empty : {"", "\n", " \n\n", "\xEF\xBB\xBF", "{}", "{}\n", " {}\n", "\n{}"}) {
        const std::optional<std::string> filled = must(merge_opencode_json(empty, with)).text;
        ASSERT_TRUE(filled.has_value());
        EXPECT_NE(*filled, empty);
        EXPECT_EQ(must(merge_opencode_json(*filled, with)).text, *filled) << "written once";
        EXPECT_EQ(must(merge_opencode_json(*filled, without)).text, empty);
    }
    const std::optional<std::string> ours = must(merge_opencode_json(std::nullopt, with)).text;
    EXPECT_EQ(must(merge_opencode_json(*ours, without)).text, std::nullopt) << "there was no file";
}

TEST(OpencodeJson, AUsersEmptyProviderStays) {
    const OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    const OpencodeJsonIntent none{"opencode.json", {}, {inline_block()}, true};
    for (const std::string theirs :
         {"{\n  \"permission\": \"ask\",\n  \"provider\": {}\n}\n", R"({"theme":"x","provider":{}})",
          R"({ "provider": { }, "theme": "x" })", "{\r\n\t\"provider\": {\r\n\t},\r\n\t\"theme\": 1\r\n}"}) {
        EXPECT_EQ(must(merge_opencode_json(theirs, none)).text, theirs);
        const Merged written = must(merge_opencode_json(theirs, intent));
        EXPECT_THAT(*written.text, HasSubstr("api.minimax.io")) << theirs;
        EXPECT_EQ(must(merge_opencode_json(written.text, intent)).text, written.text);
        EXPECT_EQ(must(merge_opencode_json(written.text, none)).text, theirs);
    }
}

TEST(OpencodeJson, ABlockThatHasAMemberTwiceIsTheUsersOwn) {
    const OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    const std::string ours = *must(merge_opencode_json("{\"theme\": \"x\"}", intent)).text;
    EXPECT_EQ(must(merge_opencode_json(ours, intent)).text, ours);
    for (const std::string member : {"\"npm\":", "\"baseURL\":", "\"name\":"}) {
        std::string twice = ours;
        twice.insert(twice.rfind(member), member + " \"a\\\"b\", ");
        const Merged merged = must(merge_opencode_json(twice, intent));
        EXPECT_EQ(merged.text, twice);
        ASSERT_EQ(merged.warnings.size(), 1U) << twice;
        EXPECT_EQ(merged.warnings[0].code, "opencode.own_block");
    }
}

TEST(OpencodeJson, ARotatedKeyReplacesTheOld) {
    OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    const Merged old = must(merge_opencode_json(std::nullopt, intent));
    intent.blocks[0].api_key = Secret("sk-cp-FAKE-minimax-0002");
    const Merged now = must(merge_opencode_json(old.text, intent));
    EXPECT_THAT(*now.text, HasSubstr("sk-cp-FAKE-minimax-0002"));
    EXPECT_THAT(*now.text, Not(HasSubstr(fake_key)));
}

TEST(OpencodeJson, WarningsMaskKeys) {
    const OpencodeJsonIntent intent{"opencode.json", {inline_block()}, {inline_block()}};
    const Merged merged = must(merge_opencode_json("{} // mine", intent));
    EXPECT_FALSE(merged.holds_key);
    ASSERT_EQ(merged.warnings.size(), 1U);
    EXPECT_EQ(merged.warnings[0].code, "opencode.jsonc");
    EXPECT_THAT(merged.warnings[0].message, HasSubstr("\"baseURL\": \"https://api.minimax.io/anthropic/v1\""));
    EXPECT_THAT(merged.warnings[0].message, Not(HasSubstr(fake_key)));
}

TEST(ClaudeJson, NoFile) {
    const ClaudeApprovalIntent intent{".claude.json", "FAKE-tail-0123456789", "KEY"};
    const Merged merged = must(merge_claude_json(std::nullopt, intent));
    EXPECT_TRUE(merged.holds_key) << "private from the start";
    EXPECT_EQ(must(merge_claude_json(merged.text, intent)).text, merged.text);
    EXPECT_FALSE(must(merge_claude_json(merged.text, intent)).holds_key) << "later its mode is its owner's";
}

TEST(ClaudeJson, KeepsAllElseAsItWas) {
    const ClaudeApprovalIntent intent{".claude.json", "NEW", "KEY"};
    const auto merge = [&](const std::string& text) { return *must(merge_claude_json(text, intent)).text; };
    EXPECT_EQ(merge("{\n  \"numStartups\": 1.50,\n  \"oauth\": {\"a\": null}\n}"),
              "{\n  \"numStartups\": 1.50,\n  \"oauth\": {\"a\": null},\n  \"customApiKeyResponses\": {\n"
              "    \"approved\": [\n      \"NEW\"\n    ],\n    \"rejected\": []\n  },\n"
              "  \"capsuledApprovedKeys\": {\n    \"KEY\": \"NEW\"\n  },\n  \"hasCompletedOnboarding\": true\n}");
    EXPECT_EQ(merge("{\"customApiKeyResponses\":{\"approved\":[\"A\"],\"rejected\":[\"B\",\"NEW\"]},"
                    "\"hasCompletedOnboarding\":false}"),
              "{\"customApiKeyResponses\":{\"approved\":[\"A\",\"NEW\"],\"rejected\":[\"B\"]},"
              "\"hasCompletedOnboarding\":true,\"capsuledApprovedKeys\":{\"KEY\":\"NEW\"}}");
    EXPECT_EQ(merge("{\"customApiKeyResponses\":{\"approved\":[],\"rejected\":[\"NEW\"]},"
                    "\"hasCompletedOnboarding\":true}"),
              "{\"customApiKeyResponses\":{\"approved\":[\"NEW\"],\"rejected\":[]},\"hasCompletedOnboarding\":true,"
              "\"capsuledApprovedKeys\":{\"KEY\":\"NEW\"}}");
    EXPECT_EQ(merge("{\n  \"customApiKeyResponses\": {},\n  \"hasCompletedOnboarding\": true\n}\n"),
              "{\n  \"customApiKeyResponses\": {\n    \"approved\": [\n      \"NEW\"\n    ]\n  },\n"
              "  \"hasCompletedOnboarding\": true,\n  \"capsuledApprovedKeys\": {\n    \"KEY\": \"NEW\"\n  }\n}\n");
}

TEST(ClaudeJson, OfAnEarlierKeyNothingStays) {
    const auto merge = [&](const std::string& text, const std::string& tail, const std::string& name) {
        return *must(merge_claude_json(text, ClaudeApprovalIntent{".claude.json", tail, name})).text;
    };
    const std::string users = R"({"customApiKeyResponses":{"approved":["USERS"],"rejected":[]}})";
    const std::string both = merge(merge(users, "OLD", "KEY"), "OTHER", "KEY workspace=a");
    const std::string replaced = merge(both, "NEW", "KEY");
    EXPECT_THAT(both, HasSubstr(R"("approved":["USERS","OLD","OTHER"])"));
    EXPECT_THAT(replaced, HasSubstr(R"("approved":["USERS","OTHER","NEW"])"));
    EXPECT_THAT(replaced, HasSubstr(R"({"KEY workspace=a":"OTHER","KEY":"NEW"})"));
    EXPECT_EQ(merge(replaced, "NEW", "KEY"), replaced);
    EXPECT_THAT(merge(merge(users, "USERS", "KEY"), "NEW", "KEY"), HasSubstr(R"("approved":["USERS","NEW"])"))
        << "what the user approved stays";
}

// The session's user can write as many as they like: each once cost a reading of the whole file.
TEST(ClaudeJson, AsManyAnswersAsAFileHoldsTakeNoLonger) {
    std::string many = R"({"capsuledApprovedKeys":{"KEY":"a"},"customApiKeyResponses":{"approved":["a")";
    for (int i = 0; i < 90'000; ++i)
        many += R"(,"a")";
    const Merged merged = must(merge_claude_json(many + "]}}", {".claude.json", "NEW", "KEY"}));
    EXPECT_EQ(*merged.text, R"({"capsuledApprovedKeys":{"KEY":"NEW"},"customApiKeyResponses":{"approved":["NEW"]},)"
                            R"("hasCompletedOnboarding":true})");
}

TEST(ClaudeJson, Conflicts) {
    const ClaudeApprovalIntent intent{".claude.json", "NEW", "KEY"};
    const auto message = [&](const std::string& text) {
        const auto merged = merge_claude_json(text, intent);
        EXPECT_TRUE(merged.has_error()) << text;
        if (!merged.has_error()) return std::string();
        EXPECT_EQ(merged.error().code, ErrorCode::config_conflict);
        EXPECT_FALSE(merged.error().hint.empty());
        return merged.error().message;
    };
    EXPECT_THAT(message("{\n,}"), HasSubstr(".claude.json:2: is not JSON"));
    EXPECT_THAT(message("{} // x"), HasSubstr("comments"));
    EXPECT_THAT(message("[]"), HasSubstr("not a JSON object"));
    EXPECT_THAT(message("{\n\"customApiKeyResponses\": 1}"), HasSubstr(".claude.json:2: \"customApiKeyResponses\" is"));
    EXPECT_THAT(message("{\"customApiKeyResponses\": {\n\"approved\": {}}}"),
                HasSubstr(":2: \"approved\" is not an arr"));
    EXPECT_THAT(message("{\"capsuledApprovedKeys\": []}"), HasSubstr("\"capsuledApprovedKeys\" is not an object"));
    EXPECT_THAT(message("{\"a\": 1,\n\"a\": 1}"), HasSubstr(".claude.json:2: \"a\" is there twice"));
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
    const std::string ours = derive_codex_models({R"("x":1)", "", {}}, {"M3", "MiniMax"});
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

TEST(JsonEdit, RemovesItemsWhereverTheyStand) {
    for (const auto& [name, rest] : {std::pair{"a", R"({ "b" :2, "c":3 })"}, std::pair{"b", R"({ "a":1, "c":3 })"},
                                     std::pair{"c", R"({ "a":1, "b" :2 })"}}) {
        std::string text = R"({ "a":1, "b" :2, "c":3 })";
        const JsonContainer object = read_container(text, 0);
        remove_item(text, object, *object.find(name));
        EXPECT_EQ(text, rest);
    }
    std::string text = "[ 1 ]";
    const JsonContainer array = read_container(text, 0);
    remove_item(text, array, array.items[0]);
    EXPECT_EQ(text, "[]");
}

TEST(JsonEdit, RemovesSeveralItemsAtOnce) {
    for (const auto& [removed, rest] :
         {std::pair{"ab", "[ 3, 4 ]"}, {"bc", "[ 1, 4 ]"}, {"cd", "[ 1, 2 ]"}, {"ac", "[ 2, 4 ]"}, {"abcd", "[]"}}) {
        std::string text = "[ 1, 2, 3, 4 ]";
        const std::string numbers = text;
        const JsonContainer array = read_container(text, 0);
        remove_items(text, array, [&](const JsonItem& item) {
            return std::string_view(removed).find(static_cast<char>(numbers[item.begin] - '1' + 'a')) !=
                   std::string_view::npos;
        });
        EXPECT_EQ(text, rest);
    }
}

TEST(JsonEdit, AFileOfMoreItemsThanAnybodyWritesIsNotRead) {
    std::string text = "[1";
    for (int i = 0; i < 100'000; ++i)
        text += ",1";
    EXPECT_EQ(examine_json(text + "]").problem, "array too large");
}

TEST(JsonEdit, TellsJsoncFromBroken) {
    using Kind = JsonVerdict::Kind;
    EXPECT_EQ(examine_json("{\"a\":1e5}").kind, Kind::json);
    EXPECT_EQ(examine_json("\xEF\xBB\xBF{}").kind, Kind::json);
    EXPECT_EQ(examine_json("{} // x").kind, Kind::jsonc);
    EXPECT_EQ(examine_json("[1,]").kind, Kind::jsonc);
    const JsonVerdict broken = examine_json("{\n  \"a\": x\n}");
    EXPECT_EQ(broken.kind, Kind::broken);
    EXPECT_EQ(broken.line, 2U);
    EXPECT_EQ(broken.column, 8U);
}

}  // namespace
}  // namespace capsule
