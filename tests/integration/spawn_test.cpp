// Every cell's exact environment and argv, with every key and native credential in the daemon's.
#include <algorithm>
#include <regex>

#include "tests/integration/spawn_fixture.hpp"
#include "tests/support/opencode_database.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(Spawn, ClaudeOnItsThreeAlternatives) {
    start_with();
    expect_claude("zai", claude_route("https://api.z.ai/api/anthropic", keys::zai, "glm-5.3", "glm-5.3",
                                      "glm-5.3-flash", "1000000"));
    expect_claude("minimax", claude_route("https://api.minimax.io/anthropic", keys::minimax, "MiniMax-M3", "MiniMax-M3",
                                          "MiniMax-M3", "1000000"));
    expect_claude("kimi", claude_route("https://api.kimi.com/coding", keys::kimi, "kimi-for-coding", "kimi-for-coding",
                                       "kimi-for-coding", "262144"));
    const json::value plan = spawn("claude", "zai");
    EXPECT_EQ(text_at(plan, "/label"), "Z.AI");
    EXPECT_EQ(text_at(plan, "/tab_label"), "Claude (Z.AI)");
    EXPECT_EQ(text_at(plan, "/model"), "glm-5.3");
    EXPECT_THAT(at(plan, "/files").as_array(), IsEmpty()) << "nothing of Claude's is written for a bearer token";
}

TEST_F(Spawn, NativeClaudeTakesTheLoginTokenAndNeverBoth) {
    start_with();
    const Environment managed{{"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"}};
    const Environment on_a_login{{"CLAUDE_CODE_HOST_AUTH_ENV_VAR", "CLAUDE_CODE_OAUTH_TOKEN"},
                                 {"ANTHROPIC_BASE_URL", "https://api.anthropic.com"}};
    expect_claude("anthropic", with(managed, {{"CLAUDE_CODE_OAUTH_TOKEN", std::string(keys::oauth)}}));
    stop();
    start({.env = {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}}});
    expect_claude("anthropic", with(managed, {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}}));
    stop();
    start({.env = {}});
    expect_claude("anthropic", on_a_login);
    stop();
    start_with("[claude]\nnative = \"api_key\"\n");
    expect_claude("anthropic", with(managed, {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}}));
    stop();
    start_with("[claude]\nnative = \"home\"\n");
    expect_claude("anthropic", on_a_login);
}

TEST_F(Spawn, CodexOnMinimaxIsPinnedInItsArguments) {
    start_with();
    const json::value plan = spawn("codex", "minimax");
    EXPECT_EQ(string_map(at(plan, "/env")),
              session("codex", "minimax",
                      {{"MINIMAX_API_KEY", std::string(keys::minimax)}, {"JACKIN_CODEX_PROFILE", "minimax"}}));
    const std::vector<std::string> argv = strings(at(plan, "/argv"));
    ASSERT_EQ(argv.size(), 25U) << json::serialize(plan);
    EXPECT_EQ(std::vector(argv.begin(), argv.begin() + 5),
              (std::vector<std::string>{"codex", "-m", "MiniMax-M3", "-c", "model_provider=\"capsule-minimax\""}));
    std::string table = argv[6];
    std::erase(table, ' ');
    EXPECT_EQ(table, R"(model_providers.capsule-minimax={name="MiniMax",base_url="https://api.minimax.io/v1",)"
                     R"(env_key="MINIMAX_API_KEY",wire_api="responses"})");
    std::string catalog = argv[24];
    std::erase(catalog, '"');
    EXPECT_EQ(catalog, "model_catalog_json=" + (home() / ".codex/minimax.models.json").string());
    EXPECT_EQ(text_at(plan, "/tab_label"), "Codex (MiniMax)");
}

TEST_F(Spawn, NativeCodexGetsItsKeyUnderBothNamesUnlessItIsLoggedIn) {
    start_with();
    const json::value plan = spawn("codex", "openai");
    EXPECT_THAT(strings(at(plan, "/argv")), ElementsAre("codex", "-c", "model_provider=\"openai\"", "-c",
                                                        "openai_base_url=\"https://api.openai.com/v1\""));
    EXPECT_EQ(string_map(at(plan, "/env")),
              session("codex", "openai",
                      {{"OPENAI_API_KEY", std::string(keys::openai)}, {"CODEX_API_KEY", std::string(keys::openai)}}));
    EXPECT_TRUE(at(plan, "/model").is_null());

    write_file(home() / ".codex/auth.json", "{}");
    EXPECT_EQ(string_map(at(spawn("codex", "openai"), "/env")), session("codex", "openai", {}))
        << "the login is seen by the very next spawn";
}

TEST_F(Spawn, OpencodeOnItsFourProviders) {
    struct Cell {
        const char *provider, *npm, *url, *variable, *model;
        std::string_view key;
    };
    const char* anthropic_npm = "@ai-sdk/anthropic";
    start_with();
    for (const Cell& cell : {
             Cell{"zai", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4", "ZAI_API_KEY", "glm-5.3",
                  keys::zai},
             Cell{"minimax", anthropic_npm, "https://api.minimax.io/anthropic/v1", "MINIMAX_API_KEY", "MiniMax-M3",
                  keys::minimax},
             Cell{"kimi", anthropic_npm, "https://api.kimi.com/coding/v1", "KIMI_CODE_API_KEY", "kimi-for-coding",
                  keys::kimi},
             Cell{"anthropic", anthropic_npm, "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "", keys::anthropic},
         }) {
        const json::value plan = spawn("opencode", cell.provider);
        const std::string model = cell.model;
        EXPECT_EQ(
            take_opencode_pin(string_map(at(plan, "/env")), cell.provider, cell.npm, cell.url, cell.variable, model),
            session("opencode", cell.provider, {{cell.variable, std::string(cell.key)}}));
        if (model.empty())
            EXPECT_THAT(strings(at(plan, "/argv")), ElementsAre("opencode"));
        else
            EXPECT_THAT(strings(at(plan, "/argv")), ElementsAre("opencode", "-m", cell.provider + ("/" + model)));
    }
}

TEST_F(Spawn, UnsetNamesWhateverCouldDefeatTheRouteAndNothingOfTheEnvironment) {
    start_with();
    for (const char* cell : {"claude zai", "claude anthropic", "codex minimax", "codex openai", "opencode kimi"}) {
        const std::string text = cell;
        const json::value plan = spawn(text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1));
        const std::vector<std::string> unset = strings(at(plan, "/unset"));
        const Environment env = string_map(at(plan, "/env"));
        for (const char* name : {"ANTHROPIC_API_KEY",
                                 "OPENAI_API_KEY",
                                 "ZAI_API_KEY",
                                 "MINIMAX_API_KEY",
                                 "KIMI_CODE_API_KEY",
                                 "ANTHROPIC_BASE_URL",
                                 "ANTHROPIC_AUTH_TOKEN",
                                 "ANTHROPIC_MODEL",
                                 "CLAUDE_CODE_OAUTH_TOKEN",
                                 "CLAUDE_CODE_USE_BEDROCK",
                                 "CLAUDE_CODE_USE_VERTEX",
                                 "CLAUDE_CODE_USE_FOUNDRY",
                                 "ANTHROPIC_CUSTOM_HEADERS",
                                 "ANTHROPIC_SMALL_FAST_MODEL",
                                 "ANTHROPIC_BETAS",
                                 "CLAUDE_CODE_EXTRA_BODY",
                                 "AWS_BEARER_TOKEN_BEDROCK",
                                 "OPENAI_BASE_URL",
                                 "CODEX_API_KEY",
                                 "CODEX_ACCESS_TOKEN",
                                 "OPENCODE_CONFIG",
                                 "OPENCODE_CONFIG_DIR",
                                 "OPENCODE_CONFIG_CONTENT",
                                 "OPENCODE_AUTH_CONTENT",
                                 "OPENCODE_API_KEY",
                                 "OPENCODE_PERMISSION",
                                 "OPENCODE_MODELS_URL",
                                 "JACKIN_CODEX_PROFILE"})
            EXPECT_NE(env.contains(name), std::count(unset.begin(), unset.end(), name) == 1) << cell << " " << name;
        for (const std::string& name : unset)
            EXPECT_TRUE(std::regex_match(name, std::regex("[A-Za-z_][A-Za-z0-9_]*"))) << name << " is no real name";
    }
}

TEST_F(Spawn, NoAccountOfOpencodesConsoleOutranksASession) {
    const std::filesystem::path data = home() / ".local/share/opencode";
    write_file(data / "opencode.db", opencode_database({logged_out}));
    start_with();
    EXPECT_TRUE(at(spawn("opencode", "zai"), "/env").as_object().contains("OPENCODE_CONFIG_CONTENT"));
    write_file(data / "opencode.db-wal", log_of(log_page(2, 3, database_page_of({logged_in}))));
    for (const char* method : {"spawn", "explain"})
        EXPECT_THAT(expect_error(method, R"({"agent":"opencode","provider":"zai"})", -32007, "config.conflict"),
                    HasSubstr((data / "opencode.db").string()));
    EXPECT_TRUE(at(spawn("claude", "zai"), "/env").is_object());
    write_file(config_file(), "[env]\nOPENCODE_DB = \"capsuled.db\"\n");
    call("reload");
    EXPECT_EQ(text_at(spawn("opencode", "zai"), "/env/OPENCODE_DB"), "capsuled.db");
}

TEST_F(Spawn, ExplainIsTheSamePlanWithNothingWrittenAndEverySecretMasked) {
    start_with();
    for (const char* cell : {"claude zai", "claude anthropic", "codex minimax", "codex openai", "opencode zai"}) {
        const std::string text = cell;
        const std::string params = R"({"agent":")" + text.substr(0, text.find(' ')) + R"(","provider":")" +
                                   text.substr(text.find(' ') + 1) + "\"}";
        const std::string before = snapshot(home());
        const json::value explained = call("explain", params);
        EXPECT_EQ(snapshot(home()), before) << cell;
        EXPECT_THAT(json::serialize(explained), Not(HasSubstr(keys::mark))) << cell;

        const json::value plan = call("spawn", params);
        EXPECT_EQ(at(explained, "/argv"), at(plan, "/argv")) << cell;
        EXPECT_EQ(at(explained, "/unset"), at(plan, "/unset")) << cell;
        Environment names;
        for (const json::value& variable : at(explained, "/env").as_array()) {
            names.emplace(text_at(variable, "/name"), "");
            EXPECT_FALSE(text_at(variable, "/from").empty()) << json::serialize(variable);
        }
        Environment given = string_map(at(plan, "/env"));
        for (auto& [name, value] : given)
            value.clear();
        EXPECT_EQ(names, given) << cell;
        ASSERT_EQ(at(explained, "/files").as_array().size(), at(plan, "/files").as_array().size()) << cell;
        for (const json::value& file : at(plan, "/files").as_array())
            EXPECT_EQ(text_at(find_by(at(explained, "/files"), "path", text_at(file, "/path")), "/action"),
                      text_at(file, "/action"));
    }
}

}  // namespace
}  // namespace capsule::test
