#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/explain_answer.hpp"
#include "client/commands/explain_page.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ExplainResult explained() {
    ExplainResult plan;
    plan.provider = "zai";
    plan.label = "Z.AI";
    plan.tab_label = "Claude (Z.AI)";
    plan.model = "glm-5.3";
    plan.user = {"agent", 1000, 1000, {}};
    plan.env = {{"ANTHROPIC_AUTH_TOKEN", "…0001", "key: environment"},
                {"ANTHROPIC_BASE_URL", "https://api.z.ai/api/anthropic", "catalog"},
                {"HOME", "/home/agent", "session user"}};
    plan.because = Because{"flag", "--provider asked for it"};
    plan.base_url = "https://api.z.ai/api/anthropic";
    plan.key_source = "environment";
    return plan;
}

TEST(ExplainPage, ShowsWhereEverythingComesFrom) {
    ExplainResult plan;
    plan.tab_label = "Claude (Z.AI)";
    plan.model = "glm-5.3";
    plan.user = {"agent", 1000, 1000, {}};
    plan.arguments = {{"claude", "catalog"}, {"a b", "capsule.toml:4"}};
    plan.env = {{"ANTHROPIC_BASE_URL", "https://api.z.ai", "catalog"}};
    plan.files = {{"/home/agent/.x", "created", "line 1\nline 2\n", "catalog"},
                  {"/home/agent/.not-there", "unchanged", std::nullopt, "capsuled"}};
    plan.unset = {"OPENAI_API_KEY"};
    plan.dropped = {"FOO", "BAR"};
    const std::string page = explain_page(plan, plain);
    const std::string answer = explain_answer(plan, plain);
    EXPECT_EQ(page.substr(0, answer.find("\n\n")), answer.substr(0, answer.find("\n\n"))) << "the same six lines";
    EXPECT_THAT(page, HasSubstr("  capsule.toml:4  'a b'\n"));
    EXPECT_THAT(page, HasSubstr("  ANTHROPIC_BASE_URL  catalog  https://api.z.ai\n"));
    EXPECT_THAT(page, AllOf(HasSubstr("      line 1\n      line 2\n"), Not(HasSubstr(".not-there"))));
    EXPECT_THAT(page, HasSubstr("  FOO BAR\n"));
}

TEST(ExplainPage, TellsSettingsThatAreHeldFromThoseThatAreNot) {
    ExplainResult plan;
    EXPECT_THAT(explain_page(plan, plain), Not(HasSubstr("Settings")));
    plan.settings = {{"/p/.claude/settings.json", "model", "asks for another model", "ANTHROPIC_MODEL"},
                     {"/p/.mcp.json", "mcpServers.a", "names a server", std::nullopt}};
    const std::string page = explain_page(plan, plain);
    EXPECT_THAT(page, HasSubstr("would have redirected this session, and have no effect\n  /p/.claude/settings.json  "
                                "model  asks for another model  held by ANTHROPIC_MODEL\n"));
    EXPECT_THAT(page, HasSubstr("have their effect\n  /p/.mcp.json  mcpServers.a  names a server\n"));
}

TEST(ExplainAnswer, SaysWhyInSixLines) {
    ExplainResult plan = explained();
    plan.settings = {{"/p/.claude/settings.json", "model", "asks for another model", "ANTHROPIC_MODEL"},
                     {"/p/.mcp.json", "mcpServers.a", "names a server", std::nullopt}};
    EXPECT_EQ(
        explain_answer(plan, plain),
        "agent     Claude, as agent (uid 1000) in /home/agent\n"
        "provider  Z.AI, because --provider asked for it\n"
        "host      api.z.ai (https://api.z.ai/api/anthropic)\n"
        "model     glm-5.3\n"
        "key       …0001 in ANTHROPIC_AUTH_TOKEN, from environment\n"
        "held      1 setting that would have redirected the session; 1 setting could not be held (--all lists them)\n"
        "\n"
        "Every variable, argument and file: --all\n");
}

TEST(ExplainAnswer, SaysWhatASessionHasInPlaceOfAKey) {
    ExplainResult plan = explained();
    plan.session = SessionRef{std::nullopt, "broker", std::nullopt};
    plan.env = {{"ANTHROPIC_AUTH_TOKEN", "…wXyZ", "key: a session token for the one of environment"},
                {"ANTHROPIC_BASE_URL", "http://127.0.0.1:4587/api/anthropic", "catalog"}};
    plan.workspace = "acme";
    plan.role = "reviewer";
    EXPECT_THAT(explain_answer(plan, plain),
                HasSubstr("key       held by the broker, from environment; the session has a token, …wXyZ in "
                          "ANTHROPIC_AUTH_TOKEN (workspace acme, role reviewer)\n"));
    EXPECT_THAT(explain_answer(plan, plain), HasSubstr("host      api.z.ai (")) << "where its requests go in the end";
    plan = {};
    plan.label = "Anthropic";
    plan.tab_label = "Claude";
    const std::string old = explain_answer(plan, plain);
    EXPECT_THAT(old, HasSubstr("provider  Anthropic\n")) << "an older daemon gives no reason";
    EXPECT_THAT(old, HasSubstr("host      the agent's own choice\n"));
    EXPECT_THAT(old, HasSubstr("key       none: the login in the home is used, if there is one\n"));
}

TEST(ExplainPage, WhatIsNotPassedOnIsNotInTheEnvironment) {
    ExplainResult plan = explained();
    plan.dropped = {"ANTHROPIC_BASE_URL", "SECRET_THING"};
    EXPECT_THAT(explain_page(plan, plain), HasSubstr("Not passed on from the caller's environment\n  SECRET_THING\n"));
}

}  // namespace
}  // namespace capsule
