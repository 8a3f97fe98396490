#include "daemon/agents/codex/cell.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string key = "sk-cp-FAKE-the-selected-key-0001";
const std::string minimax_table =
    R"(model_providers.minimax={name="MiniMax",base_url="https://api.minimax.io/v1",env_key="MINIMAX_API_KEY",wire_api="responses"})";

Session keyed() {
    Session session;
    session.daemon_env.merge(every_secret());
    session.key = Secret(key);
    session.codex_models = {codex_sample("0.169.0"), ""};
    return session;
}

TEST(Codex, Minimax) {
    const Plan plan = keyed().plan(Agent::codex, "minimax");
    EXPECT_THAT(argv_of(plan),
                ElementsAre("codex", "--profile", "minimax", "-m", "MiniMax-M3", "-c", R"(model_provider="minimax")",
                            "-c", minimax_table, "-c", "model_catalog_json=/home/agent/.codex/minimax.models.json"));
    EXPECT_EQ(route_env_of(plan), (StringMap{{"MINIMAX_API_KEY", key}, {"JACKIN_CODEX_PROFILE", "minimax"}}));
    EXPECT_TRUE(plan.env.at("MINIMAX_API_KEY").secret());
    EXPECT_TRUE(own_files(plan.files).contains("/home/agent/.codex/minimax.models.json"));
    EXPECT_TRUE(plan.warnings.empty());
}

TEST(Codex, AnotherModelHasItsOwnCatalog) {
    const Plan plan = keyed().plan(Agent::codex, "minimax", "MiniMax-M2.7");
    EXPECT_THAT(argv_of(plan), ElementsAre("codex", "--profile", "minimax", "-m", "MiniMax-M2.7", "-c",
                                           R"(model_provider="minimax")", "-c", minimax_table, "-c",
                                           "model_catalog_json=/home/agent/.codex/minimax.MiniMax-M2.7.models.json"));
    const StringMap files = own_files(plan.files);
    EXPECT_THAT(files.at("/home/agent/.codex/minimax.MiniMax-M2.7.models.json"), HasSubstr(R"("slug":"MiniMax-M2.7")"));
    EXPECT_THAT(files.at("/home/agent/.codex/minimax.models.json"), HasSubstr(R"("slug":"MiniMax-M3")"));
    EXPECT_THAT(files.at("/home/agent/.codex/minimax.config.toml"), HasSubstr("model = \"MiniMax-M3\"\n"));
}

TEST(Codex, WithoutAUsableCodexItStartsWithoutCatalogAndWarns) {
    for (const CodexModels& models : {CodexModels{{}, "codex is not installed"}, CodexModels{"not JSON", ""}}) {
        Session session = keyed();
        session.codex_models = models;
        const Plan plan = session.plan(Agent::codex, "minimax");
        EXPECT_THAT(argv_of(plan), ElementsAre("codex", "--profile", "minimax", "-m", "MiniMax-M3", "-c",
                                               R"(model_provider="minimax")", "-c", minimax_table));
        EXPECT_THAT(warning_codes(plan), ElementsAre("codex.models"));
        EXPECT_FALSE(own_files(plan.files).contains("/home/agent/.codex/minimax.models.json"));
        EXPECT_TRUE(own_files(plan.files).contains("/home/agent/.codex/minimax.config.toml"));
    }
}

TEST(Codex, Native) {
    const Plan plan = keyed().plan(Agent::codex, "openai");
    EXPECT_THAT(argv_of(plan), ElementsAre("codex", "-c", R"(model_provider="openai")", "-c",
                                           R"(openai_base_url="https://api.openai.com/v1")"));
    EXPECT_EQ(route_env_of(plan), (StringMap{{"OPENAI_API_KEY", key}, {"CODEX_API_KEY", key}}));
}

TEST(Codex, NativeUsesTheHomesLoginWhereThereIsOne) {
    Session session = keyed();
    session.facts.codex_auth_json = true;
    EXPECT_EQ(route_env_of(session.plan(Agent::codex, "openai")), StringMap{});
    EXPECT_THAT(argv_of(session.plan(Agent::codex, "openai")),
                ElementsAre("codex", "-c", R"(model_provider="openai")"));
    session.facts.codex_auth_json = false;
    session.key.reset();
    EXPECT_EQ(route_env_of(session.plan(Agent::codex, "openai")), StringMap{});
}

TEST(Codex, NativeModelAndArguments) {
    Session session = keyed();
    session.config.agents[Agent::codex].models.model = Located<std::string>{"gpt-5.5", "capsule.toml:30"};
    session.config.agents[Agent::codex].args = {{"--full-auto"}, "capsule.toml:31"};
    const Plan plan = session.plan(Agent::codex, "openai");
    EXPECT_THAT(argv_of(plan), ElementsAre("codex", "-c", R"(model_provider="openai")", "-m", "gpt-5.5", "-c",
                                           R"(openai_base_url="https://api.openai.com/v1")", "--full-auto"));
    EXPECT_EQ(argv_of(session.plan(Agent::codex, "minimax")).back(), "--full-auto");
}

TEST(Codex, ADotenvThatSetsTheKeyIsAConflict) {
    Session session = keyed();
    session.facts.codex_dotenv_names = {"OTHER", "MINIMAX_API_KEY"};
    const Result<Plan> plan = session.try_plan(Agent::codex, "minimax");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
    EXPECT_THAT(plan.error().message, HasSubstr("/home/agent/.codex/.env sets MINIMAX_API_KEY"));
    EXPECT_TRUE(session.try_plan(Agent::codex, "openai"));

    session.facts.codex_dotenv_names = {"OPENAI_API_KEY"};
    EXPECT_FALSE(session.try_plan(Agent::codex, "openai"));
    EXPECT_TRUE(session.try_plan(Agent::codex, "minimax"));
    session.facts.codex_auth_json = true;
    EXPECT_TRUE(session.try_plan(Agent::codex, "openai"));
}

TEST(Codex, ADotenvThatSetsAProxyIsAWarning) {
    Session session = keyed();
    session.facts.codex_dotenv_names = {"HTTPS_PROXY", "MY_OWN", "SSL_CERT_FILE"};
    for (const char* provider : {"openai", "minimax"}) {
        const Plan plan = session.plan(Agent::codex, provider);
        EXPECT_THAT(warning_codes(plan), ElementsAre("codex.dotenv", "codex.dotenv")) << provider;
        EXPECT_THAT(plan.warnings[0].message, HasSubstr("/home/agent/.codex/.env sets HTTPS_PROXY"));
        EXPECT_THAT(plan.warnings[1].message, HasSubstr("SSL_CERT_FILE"));
    }
}

TEST(Codex, ValuesAreQuotedAsTomlWhateverTheyHold) {
    Session session = keyed();
    session.config.catalog.providers[3].label = R"(Mini "Max" \o/)";
    session.home.codex_home = "/srv/a b/codex";
    const Strings argv = argv_of(session.plan(Agent::codex, "minimax"));
    EXPECT_THAT(argv[8], HasSubstr(R"({name="Mini \"Max\" \\o/",)"));
    EXPECT_EQ(argv.back(), R"(model_catalog_json="/srv/a b/codex/minimax.models.json")");
}

TEST(Codex, AnOperatorsTableTurnsABlockedCellOn) {
    Session session = keyed();
    Provider& zai = session.config.catalog.providers[2];
    Cell& cell = zai.cell(Agent::codex);
    cell.kind = CellKind::routed;
    cell.base_url = "https://api.z.ai/api/v1";
    cell.model = {"glm-5.3", "capsule.toml:9"};
    cell.details = CodexCell{1048576, "zai"};
    const Plan plan = session.plan(Agent::codex, "zai");
    EXPECT_THAT(
        argv_of(plan),
        ElementsAre(
            "codex", "--profile", "zai", "-m", "glm-5.3", "-c", R"(model_provider="zai")", "-c",
            R"(model_providers.zai={name="Z.AI",base_url="https://api.z.ai/api/v1",env_key="ZAI_API_KEY",wire_api="responses"})",
            "-c", "model_catalog_json=/home/agent/.codex/zai.models.json"));
    EXPECT_EQ(route_env_of(plan), (StringMap{{"ZAI_API_KEY", key}, {"JACKIN_CODEX_PROFILE", "zai"}}));
}

TEST(Codex, WithoutAKeyThereIsNoSession) {
    Session session = keyed();
    session.key.reset();
    const Result<Plan> plan = session.try_plan(Agent::codex, "minimax");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::key_absent);
    EXPECT_EQ(session.try_plan(Agent::codex, "zai").error().code, ErrorCode::cell_blocked);
}

}  // namespace
}  // namespace capsule::testing
