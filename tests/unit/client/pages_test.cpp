#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/commands/auth_page.hpp"
#include "client/commands/explain_answer.hpp"
#include "client/commands/explain_page.hpp"
#include "client/commands/masking.hpp"
#include "client/commands/status_page.hpp"
#include "client/commands/usage_page.hpp"
#include "client/plan_left.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

StatusResult sample_status() {
    StatusResult status;
    status.version = "0.1.0";
    status.pid = 4711;
    status.uptime_s = 61;
    status.socket = "/run/capsule/capsule.sock";
    status.config = {"/etc/capsule/capsule.toml", "2026-11-23T05:00:00Z", true, {}};
    status.agents = {{"claude", "Claude", "/usr/bin/claude", "2.1.197"}, {"codex", "Codex", {}, {}}};
    status.providers = {
        {"anthropic", "Anthropic", {"absent", {}, {}}, {{"claude", "native"}, {"codex", "unsupported"}}},
        {"zai", "Z.AI", {"present", "environment", "…0001"}, {{"claude", "ready"}, {"codex", "blocked"}}},
        {"kimi", "Kimi", {"unresolved", "op", {}}, {{"claude", "no_key"}, {"codex", "blocked"}}},
    };
    status.warnings = {{"x.y", "do something about it"}};
    return status;
}

Defaults sample_defaults() {
    Defaults defaults;
    defaults["claude"] = {"claude",
                          {{"anthropic", "Anthropic", "Claude", true, {}}, {"zai", "Z.AI", "Claude (Z.AI)", false, {}}},
                          "zai",
                          {}};
    defaults["codex"] = {"codex", {}, {}, {}};
    return defaults;
}

TEST(StatusPage, SaysItAllAtAGlance) {
    EXPECT_EQ(status_page(sample_status(), sample_defaults(), plain),
              "● capsuled 0.1.0  pid 4711, up 1 min\n"
              "  socket  /run/capsule/capsule.sock\n"
              "  config  /etc/capsule/capsule.toml, loaded 2026-11-23T05:00:00Z\n"
              "  served  0 requests, 0 with errors; 0 of 0 connections open\n"
              "\n"
              "PROVIDER   KEY           FROM         Claude  Codex\n"
              "Anthropic  absent        -            native  n/a\n"
              "Z.AI       …0001         environment  ready   blocked\n"
              "Kimi       not read yet  op           no key  blocked\n"
              "\n"
              "AGENT   STARTS ON           VERSION  BINARY\n"
              "Claude  Z.AI                2.1.197  /usr/bin/claude\n"
              "Codex   no default: no key  -        not installed\n"
              "\n"
              "! do something about it\n");
}

TEST(StatusPage, SaysWhatAProviderRefusedLast) {
    StatusResult status = sample_status();
    status.providers[1].limit = SessionLimit{"window", "Usage limit reached for 5 hour", "2026-11-26 05:44:44"};
    EXPECT_THAT(status_page(status, sample_defaults(), plain),
                HasSubstr("! Z.AI refused a request, and has answered none since: the quota of these hours is used up "
                          "(\"Usage limit reached for 5 hour\"), until 2026-11-26 05:44:44\n"));
}

TEST(StatusPage, AKeyThatIsDoubtedIsNotReady) {
    StatusResult status = sample_status();
    status.providers[1].key.doubtful = true;
    const std::string page = status_page(status, {}, {true, true, 80});
    EXPECT_THAT(page,
                AllOf(HasSubstr("\x1b[33mdoubtful\x1b[0m"), HasSubstr("\x1b[33m…0001"), Not(HasSubstr("32mready"))));
}

TEST(StatusPage, SaysThatTheKeysSideIsAwayInsteadOfThatThereIsNoKey) {
    StatusResult status = sample_status();
    for (ProviderStatus& provider : status.providers)
        provider.key = {"absent", {}, {}};
    status.warnings = {{"keys.unreachable", "the capsuled with the keys does not answer"}};
    EXPECT_THAT(status_page(status, {}, plain),
                AllOf(HasSubstr("Kimi       ?    the keys' side is away  ?       blocked\n"), Not(HasSubstr("absent")),
                      Not(HasSubstr("no key")), HasSubstr("Anthropic  ?    the keys' side is away  native  n/a\n")));
}

TEST(StatusPage, SaysWhereAnAgentThatIsMissingWasLookedFor) {
    StatusResult status = sample_status();
    status.path = "/usr/local/bin:/usr/bin";
    EXPECT_THAT(status_page(status, {}, plain),
                HasSubstr("not installed\nNot installed: no such program in /usr/local/bin:/usr/bin. PATH in [env] of "
                          "capsule.toml names other directories.\n"));
    for (const char* code : {"path.unreachable", "home.busy"}) {
        status.warnings = {{code, "something does not answer"}};
        EXPECT_THAT(
            status_page(status, {}, plain),
            AllOf(HasSubstr("not found\nNot found: no such program in /usr/local/bin:/usr/bin, as far as it can "
                            "be looked at. "),
                  Not(HasSubstr("ot installed"))));
    }
    status.agents.pop_back();
    EXPECT_THAT(status_page(status, {}, plain), Not(HasSubstr("Not found")));
    status.warnings.clear();
    EXPECT_THAT(status_page(status, {}, plain), Not(HasSubstr("Not installed")));
}

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

TEST(StatusPage, ShowsAFailedLoadAndMissingKeys) {
    StatusResult status = sample_status();
    status.config.ok = false;
    status.config.error = "capsule.toml:3:1: unknown key";
    for (ProviderStatus& provider : status.providers)
        provider.key = {"absent", {}, {}};
    EXPECT_THAT(status_page(status, {}, plain),
                AllOf(HasSubstr("older configuration is in force: capsule.toml:3:1: unknown key"),
                      HasSubstr("\"capsulectl auth\"")));
}

TEST(PlanUsagePage, HasALineForEachWindow) {
    UsageResult result;
    result.providers = {
        {"zai", "Z.AI", "pro", {{"5 hours", 42, "2026-11-26T14:00:00Z"}, {"week", 100, {}}}, "", "undocumented", {}},
        {"minimax", "MiniMax", {}, {{"5 hours", 0, "soon"}}, "", "documented", {}},
        {"kimi", "Kimi", {}, {}, "", "undocumented", "the answer is empty"},
    };
    constexpr std::time_t two_hours_before = 1795694400;
    EXPECT_EQ(usage_page(result, plain, two_hours_before),
              "PROVIDER  PLAN  WINDOW   USED   BEGINS ANEW\n"
              "Z.AI      pro   5 hours  42 %   in 2 h 0 min\n"
              "                week     100 %  -\n"
              "MiniMax   -     5 hours  0 %    soon\n"
              "Not documented by the provider, and so without any promise: Z.AI.\n"
              "! Kimi: the answer is empty\n");
    EXPECT_THAT(usage_page({}, plain, 0), HasSubstr("\"capsulectl auth\""));
    result.providers = {{"zai", "Z.AI", "pro", {{"week", 61, {}}}, "2026-11-26T10:00:00Z", "documented", "HTTP 500"}};
    EXPECT_THAT(usage_page(result, plain, two_hours_before),
                HasSubstr("! Z.AI: HTTP 500; shown is what it said as of 2026-11-26T10:00:00Z\n"));
}

TEST(PlanUsagePage, FitsSixtyColumns) {
    UsageResult result;
    result.providers = {
        {"zai", "Z.AI", "pro", {{"5 hours", 42, "2026-11-26T14:00:00Z"}}, "", "undocumented", {}},
        {"kimi", "Kimi", {}, {}, "", "undocumented", "the provider closed the connection before its answer was whole"},
    };
    Style narrow;
    narrow.width = 60;
    std::istringstream lines(usage_page(result, narrow, 1795694400));
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(display_width(line), 60U) << line;
}

TEST(LeastLeft, IsOfTheFullestWindowOfModels) {
    ProviderUsage usage;
    usage.windows = {{"5 hours", 42, {}}, {"week", 61, {}}, {"tools", 99, {}}};
    EXPECT_EQ(least_left(usage)->text, "week: 39 % left");
    usage.error = "HTTP 500";
    usage.fetched_at = "soon";
    EXPECT_EQ(least_left(usage)->text, "week: 39 % left, at soon");
    usage.fetched_at = "2026-11-26T10:00:00Z";
    EXPECT_THAT(least_left(usage)->text, testing::EndsWith(" ago")) << "the newest question failed";
    usage.windows = {{"tools", 99, {}}};
    EXPECT_FALSE(least_left(usage));
}

TEST(StatusPage, SaysOnceThatThereIsNoKey) {
    StatusResult status = sample_status();
    for (ProviderStatus& provider : status.providers)
        provider.key = {"absent", {}, {}};
    status.warnings = {{"keys.none", "no provider has a key yet; `capsulectl auth` says how to get one"}};
    EXPECT_THAT(status_page(status, {}, plain),
                AllOf(HasSubstr("! no provider has a key yet"), Not(HasSubstr("No provider has a key yet"))));
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

TEST(Masked, ShowsFourCharactersOfALongKeyOnly) {
    EXPECT_EQ(masked("sk-cp-FAKE-minimax-0001"), "…0001");
    EXPECT_EQ(masked("short-key-12345"), "…");
}

TEST(MaskSession, HidesWhatTheExplanationHides) {
    SpawnResult session;
    session.env = {{"TEAM_CRED", "fake-credential-0001"},
                   {"OTHER_API_KEY", "fake-other-key-0002"},
                   {"CONTENT", R"({"k":"fake-credential-0001"})"},
                   {"TERM", "xterm"}};
    session.argv = {"x", "--k=fake-credential-0001"};
    ExplainResult explanation;
    explanation.env = {{"TEAM_CRED", "…0001", "environment"}, {"TERM", "xterm", "request"}};
    const SpawnResult hidden = mask_session(session, explanation);
    EXPECT_EQ(hidden.env.at("TEAM_CRED"), "…0001");
    EXPECT_EQ(hidden.env.at("OTHER_API_KEY"), "…0002");
    EXPECT_EQ(hidden.env.at("CONTENT"), R"({"k":"…0001"})");
    EXPECT_EQ(hidden.env.at("TERM"), "xterm");
    EXPECT_EQ(hidden.argv[1], "--k=…0001");
    EXPECT_EQ(mask_session(session, std::nullopt).env.at("OTHER_API_KEY"), "…0002");
}

TEST(MaskSession, ACountOfTokensIsNoSecret) {
    SpawnResult session;
    session.env = {{"CLAUDE_CODE_MAX_CONTEXT_TOKENS", "1000000"},
                   {"CLAUDE_CODE_AUTO_COMPACT_WINDOW", "1000000"},
                   {"TEAM_TOKENS", "fake-tokens-of-0001"},
                   {"DEPLOY_TOKEN", "1234567"}};
    ExplainResult explanation;
    for (const auto& [name, value] : session.env)
        explanation.env.push_back({name, value, "catalog"});
    const SpawnResult hidden = mask_session(session, explanation);
    EXPECT_EQ(hidden.env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS"), "1000000");
    EXPECT_EQ(hidden.env.at("CLAUDE_CODE_AUTO_COMPACT_WINDOW"), "1000000");
    EXPECT_EQ(hidden.env.at("TEAM_TOKENS"), "…0001");
    EXPECT_EQ(hidden.env.at("DEPLOY_TOKEN"), "…");
    EXPECT_EQ(mask_session(session, std::nullopt).env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS"), "…");
}

}  // namespace
}  // namespace capsule
