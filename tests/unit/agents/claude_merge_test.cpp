#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/agents/claude/claude_json.hpp"
#include "tests/unit/agents/merging.hpp"

namespace capsule {
namespace {

using test::must;
using testing::HasSubstr;

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

}  // namespace
}  // namespace capsule
