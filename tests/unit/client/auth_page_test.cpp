#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/auth_page.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(AuthPage, SaysWhatWasStoredAndWhatWasRemoved) {
    AuthRow row;
    row.provider = "zai", row.label = "Z.AI", row.variable = "ZAI_API_KEY", row.state = "present";
    row.source = "auth.toml";
    EXPECT_THAT(
        set_page(row, AuthScope{"acme", "reviewer"}, plain),
        testing::EndsWith("\n\nNew sessions use it: capsulectl exec AGENT --provider zai --workspace acme --role "
                          "reviewer\n"));
    row.state = "absent", row.source = {};
    EXPECT_THAT(unset_page(row, plain),
                AllOf(testing::EndsWith("\n\nRemoved the stored key of Z.AI.\n"), Not(HasSubstr("How to get"))));
    row.warnings = {{"auth.not_stored", "nothing was stored"}};
    EXPECT_THAT(unset_page(row, plain), AllOf(HasSubstr("! Z.AI: nothing was stored\n"), Not(HasSubstr("Removed"))));
}

TEST(AuthPage, SaysWhichRunningSessionsHaveTheNewKey) {
    AuthRow row;
    row.provider = "zai", row.label = "Z.AI", row.variable = "ZAI_API_KEY", row.state = "present";
    row.warnings = {{"session.new_key", "running sessions use it from their next request: abcdefghij (claude)"}};
    EXPECT_THAT(set_page(row, {}, plain),
                AllOf(testing::EndsWith("\n\nNew sessions use it: capsulectl exec AGENT --provider zai\nAlso running "
                                        "sessions use it from their next request: abcdefghij (claude)\n"),
                      Not(HasSubstr("!"))));
}

TEST(AuthPage, AKeysFileIsRemovedAndNotTheKeyFromItsVariable) {
    AuthRow row;
    row.provider = "zai", row.label = "Z.AI", row.variable = "ZAI_API_KEY", row.state = "present";
    row.source = "ZAI_API_KEY_FILE";
    EXPECT_THAT(unset_page(row, plain), HasSubstr("To remove it: remove the file that ZAI_API_KEY_FILE names."));
}

TEST(AuthPage, HasNoColumnThatSaysTheSameOfEveryProvider) {
    AuthRow row;
    row.provider = "zai", row.mode = "api_key", row.state = "ignored", row.source = "capsule.toml:7";
    EXPECT_THAT(auth_page({{row}}, plain),
                AllOf(HasSubstr("ignored"), Not(HasSubstr("MODE")), Not(HasSubstr("api_key"))));
}

TEST(AuthPage, TellsANewcomerWhatToDo) {
    AuthRow row;
    row.provider = "zai";
    row.label = "Z.AI";
    row.variable = "ZAI_API_KEY";
    row.mode = "api_key";
    row.state = "absent";
    row.key_url = "https://z.ai/keys";
    EXPECT_THAT(auth_page({{row}}, plain),
                AllOf(HasSubstr("https://z.ai/keys"), HasSubstr("capsulectl auth set zai"), HasSubstr("ZAI_API_KEY")));
    row.state = "present";
    row.masked = "…0001";
    row.warnings = {{"key.shape", "does not begin with x"}};
    EXPECT_THAT(auth_page({{row}}, plain),
                AllOf(HasSubstr("…0001"), HasSubstr("! Z.AI: does not"), Not(HasSubstr("How to get"))));
    EXPECT_THAT(auth_page({{row}}, {true, true, 80}), HasSubstr("\x1b[33m…0001"));
}

TEST(AuthPage, WithoutAnyKeyEndsWithWhatToDoNext) {
    AuthRow zai;
    zai.provider = "zai", zai.mode = "api_key", zai.state = "absent";
    AuthRow kimi = zai;
    kimi.provider = "kimi", kimi.state = "ignored";
    EXPECT_THAT(auth_page({{zai, kimi}}, plain),
                testing::EndsWith("From here to a session:\n"
                                  "  1.  the page of a provider        has your key: copy it\n"
                                  "  2.  capsulectl auth set PROVIDER  such as zai: asks for the key, unseen\n"
                                  "  3.  capsulectl exec               asks which agent on which provider, and starts "
                                  "it\n"));
    for (const char* state : {"present", "error", "unresolved"}) {
        kimi.state = state;
        EXPECT_THAT(auth_page({{zai, kimi}}, plain), Not(HasSubstr("From here"))) << state;
    }
}

}  // namespace
}  // namespace capsule
