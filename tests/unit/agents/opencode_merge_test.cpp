#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "daemon/agents/opencode/opencode_json.hpp"
#include "tests/support/many_members.hpp"
#include "tests/unit/agents/merging.hpp"

namespace capsule {
namespace {

using test::fake_key;
using test::inline_block;
using test::must;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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

OpencodeJsonIntent by_reference() {
    OpencodeBlock block = inline_block();
    block.api_key = "{env:MINIMAX_API_KEY}";
    OpencodeJsonIntent intent{"opencode.json", {block}, {inline_block()}};
    intent.keys = {Secret(fake_key)};
    return intent;
}

// As the file is after [opencode] api_key was "inline" and the user has written into it since.
std::string commented_inline_file() {
    return R"(// "provider": {
{ "provider": { /* { */ "mine": {"options": {"apiKey": "FAKE-of-the-user-0001"}},
    "minimax": {
      "npm": "@ai-sdk/anthropic", // ours, "}"
      "name": "MiniMax",
      "options": {"apiKey" /* : */ : "sk-cp-FAKE-minimax-0001" /* " */,
                  "baseURL": "https:\/\/api.minimax.io\/anthropic\/v1",},
      "models": {"M3": {"name": "M3"}},
    },
  },
  "permission": "ask", // café
}
)";
}

TEST(OpencodeJson, AKeyOfOursGoesOutOfAFileWithComments) {
    for (const std::string mark : {"", "\xEF\xBB\xBF"}) {
        const std::string text = mark + commented_inline_file();
        const Merged merged = must(merge_opencode_json(text, by_reference()));
        std::string expected = text;
        expected.replace(text.find(fake_key), std::string_view(fake_key).size(), "{env:MINIMAX_API_KEY}");
        EXPECT_EQ(merged.text, expected);
        EXPECT_FALSE(merged.save_existing);
        EXPECT_THAT(merged.warnings, IsEmpty());
        EXPECT_EQ(must(merge_opencode_json(expected, by_reference())).text, expected);
    }
    OpencodeJsonIntent in_file{"opencode.json", {inline_block()}, {inline_block()}};
    in_file.keys = {Secret(fake_key)};
    EXPECT_EQ(must(merge_opencode_json(commented_inline_file(), in_file)).text, commented_inline_file());
}

TEST(OpencodeJson, AKeyInWhatIsTheUsersOwnStaysAndIsTold) {
    const std::string before = "// mine\n";
    const std::string block =
        R"({"permission": "ask", "provider": {"minimax": {"npm": "@ai-sdk/anthropic", "name": "MiniMax", "mine": 1,
 "options": {"apiKey": "sk-cp-FAKE-minimax-0001", "baseURL": "https://api.minimax.io/anthropic/v1"},
 "models": {"M3": {"name": "M3"}}}}})";
    const std::string ours = opencode_text(opencode_document(by_reference().blocks, "allow", Keys::revealed));
    // The third: to OpenCode the comment ends at the carriage return.
    for (const std::string& text : {block, before + block, "// \r /* \n" + commented_inline_file(),
                                    ours + "// sk-cp-FAKE-minimax-0001 was it\n"}) {
        const Merged merged = must(merge_opencode_json(text, by_reference()));
        EXPECT_EQ(merged.text, text);
        ASSERT_FALSE(merged.warnings.empty()) << text;
        const Warning& told = merged.warnings.back();
        EXPECT_EQ(told.code, "opencode.key") << text;
        const auto line = 1 + std::ranges::count(text.substr(0, text.find(fake_key)), '\n');
        EXPECT_THAT(told.message, HasSubstr("opencode.json:" + std::to_string(line) + " has a provider's key (…0001)"));
        EXPECT_THAT(told.message, Not(HasSubstr(fake_key)));
    }
    OpencodeJsonIntent in_file{"opencode.json", {inline_block()}, {inline_block()}};
    in_file.keys = {Secret(fake_key)};
    EXPECT_THAT(must(merge_opencode_json(before + block, in_file)).warnings, IsEmpty()) << "it may stand there";
}

TEST(OpencodeJson, AKeyThatCapsuledDoesNotKnowStaysInAFileWithCommentsAndIsTold) {
    OpencodeJsonIntent replaced = by_reference();
    replaced.keys = {Secret("sk-cp-FAKE-minimax-0002")};
    OpencodeJsonIntent elsewhere = by_reference();  // another capsuled has the keys
    elsewhere.keys.clear();
    elsewhere.blocks.clear();
    OpencodeJsonIntent gone = elsewhere;
    gone.only_remove = true;
    for (const OpencodeJsonIntent& intent : {replaced, elsewhere, gone}) {
        const Merged merged = must(merge_opencode_json(commented_inline_file(), intent));
        EXPECT_EQ(merged.text, commented_inline_file());
        ASSERT_EQ(merged.warnings.size(), 1U);
        EXPECT_EQ(merged.warnings[0].code, "opencode.key");
        EXPECT_THAT(merged.warnings[0].message, HasSubstr("opencode.json:6 has a key of provider \"minimax\""));
    }
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

}  // namespace
}  // namespace capsule
