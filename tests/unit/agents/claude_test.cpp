#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/list.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// What --settings holds for every alternative cell by token.
std::string token_settings(const std::string& window) {
    return R"({"apiKeyHelper":"","enforceAvailableModels":false,"skipWebFetchPreflight":true,"env":{"ANTHROPIC_BETAS":"",)"
           R"("ANTHROPIC_CUSTOM_HEADERS":"","BETA_TRACING_ENDPOINT":"","CLAUDE_CODE_ENABLE_TELEMETRY":"",)"
           R"("CLAUDE_CODE_EXTRA_BODY":"","ENABLE_BETA_TRACING_DETAILED":"","ALL_PROXY":"","all_proxy":"","CLAUDE_CODE_MAX_CONTEXT_TOKENS":")" +
           window + R"(","CLAUDE_CODE_AUTO_COMPACT_WINDOW":")" + window +
           R"(","API_TIMEOUT_MS":"3000000","CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC":"1"}})";
}
const std::string native_env =
    R"("enforceAvailableModels":false,"env":{"ANTHROPIC_BETAS":"","ANTHROPIC_CUSTOM_HEADERS":"",)"
    R"("BETA_TRACING_ENDPOINT":"","CLAUDE_CODE_ENABLE_TELEMETRY":"","CLAUDE_CODE_EXTRA_BODY":"",)"
    R"("ENABLE_BETA_TRACING_DETAILED":"","ALL_PROXY":"","all_proxy":""}})";
const std::string home_settings = "{" + native_env;
const std::string oauth_settings = R"({"apiKeyHelper":"",)" + native_env;

StringMap alternative_env(const std::string& url, const std::string& opus, const std::string& sonnet,
                          const std::string& haiku, const std::string& window) {
    return {{"CLAUDE_CODE_MAX_CONTEXT_TOKENS", window},
            {"CLAUDE_CODE_AUTO_COMPACT_WINDOW", window},
            {"ANTHROPIC_BASE_URL", url},
            {"ANTHROPIC_AUTH_TOKEN", key},
            {"ANTHROPIC_DEFAULT_OPUS_MODEL", opus},
            {"ANTHROPIC_DEFAULT_SONNET_MODEL", sonnet},
            {"ANTHROPIC_DEFAULT_HAIKU_MODEL", haiku},
            {"ANTHROPIC_DEFAULT_FABLE_MODEL", opus},
            {"ANTHROPIC_MODEL", "opus"},
            {"API_TIMEOUT_MS", "3000000"},
            {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"},
            {"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"}};
}

TEST(Claude, Zai) {
    const Plan plan = keyed().plan(Agent::claude, "zai");
    EXPECT_EQ(route_env_of(plan),
              alternative_env("https://api.z.ai/api/anthropic", "glm-5.1", "glm-5-turbo", "glm-4.5-air", "131072"));
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--settings", token_settings("131072")));
    EXPECT_THAT(plan.files, IsEmpty());
}

TEST(Claude, TheSessionsOwnProxyIsHeldUnlessItHasAPassword) {
    Session session = keyed();
    session.daemon_env.insert_or_assign("ALL_PROXY", Secret("http://proxy:3128"));
    session.daemon_env.insert_or_assign("all_proxy", Secret("http://me:FAKE-password@proxy:3128"));
    const std::string settings = argv_of(session.plan(Agent::claude, "zai")).at(2);
    EXPECT_THAT(settings, HasSubstr(R"("ALL_PROXY":"http://proxy:3128")"));
    EXPECT_THAT(settings, Not(HasSubstr("all_proxy")));
    EXPECT_THAT(settings, Not(HasSubstr("FAKE-password")));
}

// Every user of the machine can read a program's arguments.
TEST(Claude, NoSecretOfARoutesVariablesIsInTheArguments) {
    Session session = keyed();
    Provider& zai = session.config.catalog.providers[2];
    zai.cell(Agent::claude).env = {{"GATEWAY_TOKEN", {"FAKE-gateway-token-0001", "capsule.toml:3"}},
                                   {"HTTPS_PROXY", {"http://me:FAKE-password@proxy:3128", "capsule.toml:4"}},
                                   {"ALL_PROXY", {"me:FAKE-password@proxy:3128", "capsule.toml:5"}},
                                   {"MODE", {"quiet", "capsule.toml:6"}},
                                   {"CLAUDE_CODE_MAX_OUTPUT_TOKENS", {"64000", "capsule.toml:7"}},
                                   {"NO_TOKEN", {"", "capsule.toml:8"}}};
    zai.models[0].of(Agent::claude).env["MODELS_TOKEN"] = {"FAKE-models-token-0001", "capsule.toml:9"};
    const Plan plan = session.plan(Agent::claude, "zai");
    const std::string settings = argv_of(plan).at(2);
    EXPECT_THAT(settings, Not(HasSubstr("FAKE")));
    for (const char* name : {"GATEWAY_TOKEN", "HTTPS_PROXY", "ALL_PROXY", "MODELS_TOKEN"}) {
        EXPECT_TRUE(plan.env.at(name).secret()) << name << ": explain masks it";
        EXPECT_THAT(plan.env.at(name).reveal(), HasSubstr("FAKE")) << name;
        EXPECT_THAT(settings, Not(HasSubstr(name))) << "an empty one would take it from the session";
    }
    EXPECT_THAT(settings, HasSubstr(R"("CLAUDE_CODE_MAX_OUTPUT_TOKENS":"64000","MODE":"quiet","NO_TOKEN":"")"));
}

TEST(Claude, AnotherModelsVariableTakesNoSecretFromTheSession) {
    Session session = keyed();
    session.config.env.emplace("X_TOKEN", EnvValue{Secret("FAKE-x-token-0001"), "capsule.toml:2"});
    session.config.catalog.providers[2].models[0].of(Agent::claude).env["X_TOKEN"] = {"a", "capsule.toml:3"};
    const Plan plan = session.plan(Agent::claude, "zai", "glm-4.7");
    EXPECT_EQ(plan.env.at("X_TOKEN").reveal(), "FAKE-x-token-0001");
    EXPECT_THAT(argv_of(plan).back(), Not(HasSubstr("X_TOKEN")));
}

TEST(Claude, AllProxyAloneIsAlsoTheTunnelsProxy) {
    Session session = keyed();
    session.daemon_env.insert_or_assign("ALL_PROXY", Secret("http://me:FAKE-password@proxy:3128"));
    for (const char* provider : {"anthropic", "zai"}) {
        const Plan plan = session.plan(Agent::claude, provider);
        EXPECT_EQ(plan.env.at("HTTPS_PROXY").reveal(), "http://me:FAKE-password@proxy:3128");
        EXPECT_TRUE(plan.env.at("HTTPS_PROXY").secret());
    }
    session.daemon_env.insert_or_assign("https_proxy", Secret("http://other:1"));
    EXPECT_FALSE(session.plan(Agent::claude, "anthropic").env.contains("HTTPS_PROXY")) << "it has its own";
    session.daemon_env.erase("https_proxy");
    session.daemon_env.insert_or_assign("ALL_PROXY", Secret("socks5://proxy:1080"));
    EXPECT_FALSE(session.plan(Agent::claude, "anthropic").env.contains("HTTPS_PROXY"));
}

TEST(Claude, AModelOfWhichNothingIsKnownGetsNoOthersWindow) {
    const Plan plan = keyed().plan(Agent::claude, "zai", "glm-9");
    EXPECT_FALSE(plan.env.contains("CLAUDE_CODE_MAX_CONTEXT_TOKENS"));
    ASSERT_THAT(warning_codes(plan), ElementsAre("model.unknown"));
    EXPECT_THAT(plan.warnings[0].message, ::testing::Not(HasSubstr("Did you mean")));
    const Plan mistyped = keyed().plan(Agent::claude, "zai", "glm51");
    ASSERT_THAT(warning_codes(mistyped), ElementsAre("model.unknown"));
    EXPECT_THAT(mistyped.warnings[0].message, HasSubstr("Did you mean glm-5.1?"));
    EXPECT_THAT(plan.unset,
                ::testing::IsSupersetOf({"CLAUDE_CODE_MAX_CONTEXT_TOKENS", "CLAUDE_CODE_AUTO_COMPACT_WINDOW"}));
}

TEST(Claude, AModelsOwnVariables) {
    Session session = keyed();
    session.config.catalog.providers[2].models[0].of(Agent::claude).env["A_LIMIT"] = {"5", "capsule.toml:3"};
    EXPECT_EQ(session.plan(Agent::claude, "zai").env.at("A_LIMIT").reveal(), "5");
    EXPECT_FALSE(session.plan(Agent::claude, "zai", "glm-4.7").env.contains("A_LIMIT"));
    EXPECT_THAT(session.plan(Agent::claude, "kimi").unset, ::testing::Contains("A_LIMIT"));
}

TEST(Claude, ALoginsOwnKeyGivesWayToTheTokensValue) {
    Session session = keyed();
    session.facts.of(Agent::claude) = ClaudeHome{true};
    EXPECT_THAT(argv_of(session.plan(Agent::claude, "zai")).at(2),
                HasSubstr(R"("apiKeyHelper":"printenv ANTHROPIC_AUTH_TOKEN")"));
    EXPECT_THAT(argv_of(session.plan(Agent::claude, "anthropic")).at(2), Not(HasSubstr("printenv")));
}

TEST(Claude, Minimax) {
    const Plan plan = keyed().plan(Agent::claude, "minimax");
    EXPECT_EQ(route_env_of(plan),
              alternative_env("https://api.minimax.io/anthropic", "MiniMax-M3", "MiniMax-M3", "MiniMax-M3", "1000000"));
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--settings", token_settings("1000000")));
}

TEST(Claude, Kimi) {
    const Plan plan = keyed().plan(Agent::claude, "kimi");
    EXPECT_EQ(route_env_of(plan), alternative_env("https://api.kimi.com/coding", "kimi-for-coding", "kimi-for-coding",
                                                  "kimi-for-coding", "262144"));
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--settings", token_settings("262144")));
}

TEST(Claude, SaysWhereEachVariableComesFrom) {
    const Plan plan = keyed().plan(Agent::claude, "zai", "glm-4.7");
    EXPECT_EQ(plan.env.at("ANTHROPIC_AUTH_TOKEN").from, "key: environment");
    EXPECT_TRUE(plan.env.at("ANTHROPIC_AUTH_TOKEN").secret());
    EXPECT_EQ(plan.env.at("ANTHROPIC_BASE_URL").from, "catalog");
    EXPECT_EQ(plan.env.at("ANTHROPIC_DEFAULT_OPUS_MODEL").from, "request");
    EXPECT_EQ(plan.env.at("ANTHROPIC_MODEL").from, "capsuled");
}

TEST(Claude, AnOverrideReplacesEveryTier) {
    const Plan plan = keyed().plan(Agent::claude, "zai", "glm-4.7");
    EXPECT_EQ(route_env_of(plan),
              alternative_env("https://api.z.ai/api/anthropic", "glm-4.7", "glm-4.7", "glm-4.7", "204800"));
}

TEST(Claude, ACellByApiKeyApprovesItBesides) {
    Session session = keyed();
    session.config.catalog.providers[4].cell(Agent::claude).details = ClaudeCell{ClaudeAuth::api_key};
    const Plan plan = session.plan(Agent::claude, "kimi");
    StringMap expected = alternative_env("https://api.kimi.com/coding", "kimi-for-coding", "kimi-for-coding",
                                         "kimi-for-coding", "262144");
    expected.erase("ANTHROPIC_AUTH_TOKEN");
    expected["ANTHROPIC_API_KEY"] = key;
    EXPECT_EQ(route_env_of(plan), expected);
    const auto* approval = intent_of<ClaudeApprovalIntent>(plan.files);
    ASSERT_NE(approval, nullptr);
    EXPECT_EQ(approval->path, "/home/agent/.claude.json");
    EXPECT_EQ(approval->key_tail, key.substr(key.size() - 20));
}

TEST(Claude, NativeByOauthToken) {
    Session session = keyed();
    session.key_variable = "CLAUDE_CODE_OAUTH_TOKEN";
    const Plan plan = session.plan(Agent::claude, "anthropic");
    EXPECT_EQ(route_env_of(plan),
              (StringMap{{"CLAUDE_CODE_OAUTH_TOKEN", key}, {"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"}}));
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--settings", oauth_settings));
    EXPECT_THAT(plan.files, IsEmpty());
}

TEST(Claude, NativeByApiKey) {
    Session session = keyed();
    session.key_variable = "ANTHROPIC_API_KEY";
    const Plan plan = session.plan(Agent::claude, "anthropic");
    EXPECT_EQ(route_env_of(plan),
              (StringMap{{"ANTHROPIC_API_KEY", key}, {"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"}}));
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--settings", home_settings));
    const auto* approval = intent_of<ClaudeApprovalIntent>(plan.files);
    ASSERT_NE(approval, nullptr);
    EXPECT_EQ(approval->key_tail, key.substr(key.size() - 20));
}

TEST(Claude, OfAShortKeyNothingIsWritten) {
    Session session = keyed();
    session.key = Secret("FAKE-short-20-chars-");
    session.key_variable = "ANTHROPIC_API_KEY";
    const Plan plan = session.plan(Agent::claude, "anthropic");
    EXPECT_EQ(intent_of<ClaudeApprovalIntent>(plan.files), nullptr);
    const auto warning = std::ranges::find(plan.warnings, "claude.short_key", &Warning::code);
    ASSERT_NE(warning, plan.warnings.end());
    EXPECT_THAT(warning->message, ::testing::AllOf(HasSubstr("ask once"), Not(HasSubstr("FAKE"))));
    session.key = Secret("FAKE-" + std::string(34, '7'));
    EXPECT_EQ(intent_of<ClaudeApprovalIntent>(session.plan(Agent::claude, "anthropic").files), nullptr)
        << "half of it, or more, would be known";
    session.key = Secret("FAKE-" + std::string(35, '7'));
    const Plan longer = session.plan(Agent::claude, "anthropic");
    ASSERT_NE(intent_of<ClaudeApprovalIntent>(longer.files), nullptr);
    EXPECT_EQ(intent_of<ClaudeApprovalIntent>(longer.files)->key_tail, std::string(20, '7'));
    EXPECT_EQ(intent_of<ClaudeApprovalIntent>(longer.files)->key_name, "ANTHROPIC_API_KEY");
}

TEST(Claude, NativeByTheHome) {
    Session session = keyed();
    session.key.reset();
    const Plan plan = session.plan(Agent::claude, "anthropic");
    EXPECT_EQ(route_env_of(plan), (StringMap{{"CLAUDE_CODE_HOST_AUTH_ENV_VAR", "CLAUDE_CODE_OAUTH_TOKEN"},
                                             {"ANTHROPIC_BASE_URL", "https://api.anthropic.com"}}))
        << "a profile of Anthropic's SDK would name another address";
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--settings", HasSubstr(R"("HTTPS_PROXY":"","https_proxy":"")")));
    EXPECT_THAT(plan.files, IsEmpty());
}

// Such a profile is a login, too: only the home's own one is meant.
TEST(Claude, NoSettingsFileNamesTheProfileOfASessionOnALogin) {
    Session session = keyed();
    session.key.reset();
    EXPECT_THAT(argv_of(session.plan(Agent::claude, "anthropic")).back(),
                HasSubstr(R"("ANTHROPIC_CONFIG_DIR":"","ANTHROPIC_PROFILE":"")"));
}

TEST(Claude, NativeTakesAModelAsAnArgument) {
    Session session = keyed();
    session.key_variable = "CLAUDE_CODE_OAUTH_TOKEN";
    session.config.agents[Agent::claude].models.model = Located<std::string>{"opus", "capsule.toml:30"};
    const Plan plan = session.plan(Agent::claude, "anthropic");
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--model", "opus", "--settings", oauth_settings));
    EXPECT_EQ(plan.argv[2].from, "capsule.toml:30");
    EXPECT_THAT(argv_of(session.plan(Agent::claude, "zai")),
                ElementsAre("claude", "--settings", token_settings("131072")));
}

TEST(Claude, ProjectSettingsIgnoredAndConfiguredArgumentsComeLast) {
    Session session = keyed();
    session.config.session.project_settings = ProjectSettings::ignore;
    session.config.agents[Agent::claude].args = {{"--dangerously-skip-permissions", "--verbose"}, "capsule.toml:20"};
    const Plan plan = session.plan(Agent::claude, "zai");
    EXPECT_THAT(argv_of(plan), ElementsAre("claude", "--setting-sources", "user", "--settings",
                                           token_settings("131072"), "--dangerously-skip-permissions", "--verbose"));
    EXPECT_EQ(plan.argv.back().from, "capsule.toml:20");
}

TEST(Claude, TheCatalogsVariablesAreAddedAndNeverOverThePins) {
    Session session = keyed();
    session.config.catalog.providers[2].cell(Agent::claude).env = {
        {"CLAUDE_CODE_MAX_CONTEXT_TOKENS", {"200000", "capsule.toml:5"}},
        {"ANTHROPIC_BASE_URL", {"https://evil.example", "x"}}};
    session.config.catalog.providers[2].timeout_ms = 60000;
    StringMap expected =
        alternative_env("https://api.z.ai/api/anthropic", "glm-5.1", "glm-5-turbo", "glm-4.5-air", "131072");
    expected["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = "200000";
    expected["API_TIMEOUT_MS"] = "60000";
    const Plan plan = session.plan(Agent::claude, "zai");
    EXPECT_EQ(route_env_of(plan), expected);
    EXPECT_THAT(argv_of(plan).back(), ::testing::HasSubstr(R"("CLAUDE_CODE_MAX_CONTEXT_TOKENS":"200000")"));
    EXPECT_THAT(argv_of(plan).back(), ::testing::Not(::testing::HasSubstr("evil")));
    EXPECT_THAT(argv_of(plan).back(), ::testing::HasSubstr(R"("API_TIMEOUT_MS":"60000")"));
    EXPECT_EQ(plan.env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS").from, "capsule.toml:5");
}

TEST(Claude, SettingsKeepTheOperatorsOwnValues) {
    Session session = keyed();
    session.config.env.emplace("CLAUDE_CODE_ENABLE_TELEMETRY", EnvValue{Secret("1"), "capsule.toml:3"});
    const Plan plan = session.plan(Agent::claude, "zai");
    EXPECT_EQ(plan.env.at("CLAUDE_CODE_ENABLE_TELEMETRY").reveal(), "1");
    EXPECT_THAT(argv_of(plan).at(2), ::testing::HasSubstr(R"("CLAUDE_CODE_ENABLE_TELEMETRY":"1")"));
}

TEST(Claude, WhereTheOperatorsTelemetryGoesIsHeld) {
    Session session = keyed();
    EXPECT_THAT(argv_of(session.plan(Agent::claude, "zai")).at(2), Not(HasSubstr("OTEL_"))) << "there is none";
    session.config.env.emplace("CLAUDE_CODE_ENABLE_TELEMETRY", EnvValue{Secret("1"), "capsule.toml:3"});
    session.config.env.emplace("OTEL_EXPORTER_OTLP_ENDPOINT", EnvValue{Secret("http://mine"), "capsule.toml:4"});
    const std::string settings = argv_of(session.plan(Agent::claude, "zai")).at(2);
    EXPECT_THAT(settings, HasSubstr(R"("OTEL_EXPORTER_OTLP_ENDPOINT":"http://mine")"));
    for (const char* signal : {"LOGS", "METRICS", "TRACES"})
        EXPECT_THAT(settings, HasSubstr(R"("OTEL_EXPORTER_OTLP_)" + std::string(signal) + R"(_ENDPOINT":"")"));
}

TEST(Claude, ArgumentsNeverHoldAKey) {
    for (const char* variable : {"CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"})
        for (const char* provider : {"anthropic", "zai", "minimax", "kimi"}) {
            Session session = keyed();
            session.key_variable = variable;
            for (const std::string& argument : argv_of(session.plan(Agent::claude, provider)))
                EXPECT_THAT(argument, ::testing::Not(::testing::HasSubstr("FAKE"))) << provider;
        }
}

TEST(Claude, WithoutAKeyThereIsNoSession) {
    Session session = keyed();
    session.key.reset();
    const Result<Plan> plan = session.try_plan(Agent::claude, "zai");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::key_absent);
}

}  // namespace
}  // namespace capsule::test
