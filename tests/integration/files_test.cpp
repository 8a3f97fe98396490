// What spawn and config.write put into the home, and what they leave alone.
#include <algorithm>
#include <regex>

#include "tests/integration/files_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

TEST_F(Files, CodexsThreeFilesAreOnDiskBeforeTheAnswer) {
    start();
    const json::value plan = spawn("codex", "minimax");
    for (const char* name : {"config.toml", "minimax.config.toml", "minimax.models.json"})
        EXPECT_EQ(action(plan, codex(name)), "created") << name;
    EXPECT_EQ(mode_of(home() / ".codex"), 0700U);

    const std::string config = read_file(codex("config.toml"));
    EXPECT_THAT(config, HasSubstr("[model_providers.minimax]\nname = \"MiniMax\"\n"
                                  "base_url = \"https://api.minimax.io/v1\"\nenv_key = \"MINIMAX_API_KEY\"\n"
                                  "wire_api = \"responses\"\n"));
    EXPECT_TRUE(std::regex_search(config, std::regex("^#.*capsuled", std::regex::multiline)));
    EXPECT_THAT(config, Not(HasSubstr(keys::mark)));

    const std::string profile = read_file(codex("minimax.config.toml"));
    EXPECT_THAT(profile, HasSubstr("model_provider = \"minimax\""));
    EXPECT_THAT(profile, HasSubstr("model = \"MiniMax-M3\""));
    EXPECT_THAT(profile, Not(HasSubstr("context_window")));

    const json::value models = parse(read_file(codex("minimax.models.json")));
    ASSERT_EQ(at(models, "/models").as_array().size(), 1U);
    const json::value& model = at(models, "/models/0");
    EXPECT_EQ(text_at(model, "/slug"), "MiniMax-M3");
    EXPECT_EQ(text_at(model, "/display_name"), "MiniMax-M3");
    EXPECT_EQ(at(model, "/context_window").to_number<int>(), 1000000);
    EXPECT_EQ(at(model, "/max_context_window").to_number<int>(), 1000000);
    EXPECT_EQ(at(model, "/auto_compact_token_limit").to_number<int>(), 900000);
    EXPECT_TRUE(at(model, "/upgrade").is_null());
    EXPECT_TRUE(at(model, "/availability_nux").is_null());
    EXPECT_FALSE(at(model, "/use_responses_lite").as_bool());
    EXPECT_THAT(json::serialize(model), Not(HasSubstr("code_mode_only")));
    EXPECT_THAT(json::serialize(model), Not(HasSubstr("GPT")));
}

TEST_F(Files, ASecondSpawnChangesNothing) {
    start();
    for (const auto& [agent, provider] : {std::pair{"codex", "minimax"}, {"opencode", "zai"}, {"claude", "zai"}}) {
        spawn(agent, provider);
        const std::string before = snapshot(home());
        const json::value again = spawn(agent, provider);
        EXPECT_EQ(snapshot(home()), before) << agent << ": not even an inode or a time";
        for (const json::value& file : at(again, "/files").as_array())
            EXPECT_EQ(text_at(file, "/action"), "unchanged") << json::serialize(file);
    }
}

TEST_F(Files, ADeletedOrEditedFileIsSeenByTheVeryNextSpawn) {
    start();
    spawn("codex", "minimax");
    fs::remove(codex("minimax.config.toml"));
    write_file(codex("minimax.models.json"), "{}");
    const json::value plan = spawn("codex", "minimax");
    EXPECT_EQ(action(plan, codex("minimax.config.toml")), "created");
    EXPECT_EQ(action(plan, codex("minimax.models.json")), "updated");
    EXPECT_EQ(action(plan, codex("config.toml")), "unchanged");
}

TEST_F(Files, EveryOtherByteOfTheUsersCodexConfigurationSurvives) {
    start();
    const std::string users =
        "# mine\r\nmodel = \"gpt-x\"\r\n\r\n[mcp_servers.docs]  # keep\r\ncommand = \"x\"\r\n[[things]]\r\na = 1";
    write_file(codex("config.toml"), users);
    fs::permissions(codex("config.toml"), fs::perms{0640});
    EXPECT_EQ(action(spawn("codex", "minimax"), codex("config.toml")), "updated");
    const std::string merged = read_file(codex("config.toml"));
    EXPECT_TRUE(merged.starts_with(users)) << merged;
    EXPECT_THAT(merged, HasSubstr("[model_providers.minimax]"));
    EXPECT_EQ(mode_of(codex("config.toml")), 0640U);
}

TEST_F(Files, AUsersOwnTableIsKeptAndWarnedAbout) {
    start({.env = {{"MINIMAX_API_KEY", std::string(keys::minimax)}}});
    const std::string users = "[model_providers.minimax]\nname = \"mine\"\nbase_url = \"https://mine.example\"\n";
    write_file(codex("config.toml"), users);
    const json::value plan = spawn("codex", "minimax");
    EXPECT_EQ(read_file(codex("config.toml")), users);
    EXPECT_THAT(codes(at(plan, "/warnings")), Not(IsEmpty()));
    EXPECT_THAT(json::serialize(at(plan, "/argv")), HasSubstr("https://api.minimax.io/v1"));
}

TEST_F(Files, AVariableOfCodexsThatWouldDefeatTheRouteIsAConflict) {
    start();
    write_file(codex(".env"), "export MINIMAX_API_KEY=other\n");
    EXPECT_THAT(refused_untouched("codex", "minimax"), HasSubstr(".env"));
    fs::remove(codex(".env"));
    spawn("codex", "minimax");
}

TEST_F(Files, CodexWithoutAUsableModelListStartsWithoutACatalogAndWarns) {
    agents_.set_codex_models("error: unrecognized subcommand 'models'");
    start();
    const json::value plan = spawn("codex", "minimax");
    EXPECT_THAT(json::serialize(at(plan, "/argv")), Not(HasSubstr("model_catalog_json")));
    EXPECT_THAT(codes(at(plan, "/warnings")), Not(IsEmpty()));
    EXPECT_FALSE(fs::exists(codex("minimax.models.json")));
    EXPECT_TRUE(fs::exists(codex("minimax.config.toml")));
}

TEST_F(Files, OpencodesBlocksAreThoseOfThePresentKeys) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"KIMI_CODE_API_KEY", std::string(keys::kimi)}},
           .config = "[opencode]\napi_key = \"inline\"\n"});
    EXPECT_EQ(action(spawn("opencode", "zai"), opencode()), "created");
    EXPECT_EQ(mode_of(opencode()), 0600U);
    EXPECT_EQ(parse(read_file(opencode())), parse(R"({"permission":"allow","provider":{
        "zai":{"name":"Z.AI","npm":"@ai-sdk/openai-compatible",
               "options":{"baseURL":"https://api.z.ai/api/coding/paas/v4","apiKey":"FAKE-zai-00000000000000004"},
               "models":{"glm-5.3":{"name":"glm-5.3","limit":{"context":1000000,"output":131072},"reasoning":true,
                         "modalities":{"input":["text"],"output":["text"]}}}},
        "kimi":{"name":"Kimi","npm":"@ai-sdk/anthropic",
               "options":{"baseURL":"https://api.kimi.com/coding/v1","apiKey":"sk-ki-FAKE-kimi-000000000000000000000006"},
               "models":{"kimi-for-coding":{"name":"kimi-for-coding","limit":{"context":262144,"output":32768},
                         "reasoning":true,"attachment":true,
                         "modalities":{"input":["text","image","video"],"output":["text"]}}}}}})"));
    EXPECT_THAT(json::serialize(at(call("status"), "/warnings")), HasSubstr("opencode.json"));
}

TEST_F(Files, NoKeyIsInTheHome) {
    start();
    for (const auto& [agent, provider] :
         {std::pair{"opencode", "zai"}, {"codex", "minimax"}, {"claude", "kimi"}, {"claude", "anthropic"}})
        spawn(agent, provider);
    const std::string text = read_file(opencode());
    EXPECT_EQ(text_at(parse(text), "/provider/zai/options/apiKey"), "{env:ZAI_API_KEY}");
    for (const auto& [name, value] : all_keys())
        EXPECT_THAT(snapshot(home()), Not(HasSubstr(value))) << name;
}

// What was written with "inline" goes, whatever the user has written beside it.
TEST_F(Files, NorOneThatStoodThere) {
    start({.env = {}, .config = ""});
    const std::string key = "[env]\nZAI_API_KEY = \"" + std::string(keys::zai) + "\"\n";
    write_file(config_file(), key + "[opencode]\napi_key = \"inline\"\n");
    call("reload");
    spawn("opencode", "zai");
    const std::string text = "// mine\n" + read_file(opencode());
    ASSERT_THAT(text, HasSubstr(keys::zai));
    write_file(opencode(), text);
    write_file(config_file(), key);
    call("reload");
    EXPECT_EQ(action(spawn("opencode", "zai"), opencode()), "updated");
    std::string expected = text;
    expected.replace(expected.find(keys::zai), keys::zai.size(), "{env:ZAI_API_KEY}");
    EXPECT_EQ(read_file(opencode()), expected);
}

// A user's own words in another file that OpenCode merges: with ours read after it, bash would run unasked.
TEST_F(Files, APermissionOfTheUsersIsNotWeakened) {
    start();
    for (const char* name : {"config.json", "opencode.jsonc"}) {
        spawn("opencode", "zai");
        EXPECT_EQ(text_at(parse(read_file(opencode())), "/permission"), "allow") << name;
        write_file(opencode().parent_path() / name, R"({"permission":{"bash":"deny"}})");
        spawn("opencode", "zai");
        EXPECT_THAT(read_file(opencode()), Not(HasSubstr("permission"))) << name;
        fs::remove(opencode().parent_path() / name);
    }
}

// What Codex reads and the merge does not, what leaves no room for a block, what is broken, and legacy profiles.
TEST_F(Files, ASessionStartsWhateverItsFilesSayOrAre) {
    start();
    for (const char* said : {"env = {\n A = \"1\",\n}\n", "model_providers = { x = { name = \"X\" } }\n",
                             "model_providers = {}\n", "model = \"a\"\nbroken = = 1\n",
                             "[profiles.minimax]\nmodel = \"x\"\n", "profiles = { minimax = { model = \"x\" } }\n"}) {
        write_file(codex("config.toml"), said);
        EXPECT_THAT(codes(at(spawn("codex", "minimax"), "/warnings")), ::testing::Contains("codex.conflict")) << said;
        EXPECT_THAT(expect_error("config.write", R"({"agent":"codex"})", -32007, "config.conflict"),
                    Not(HasSubstr("invalid")));
        EXPECT_EQ(read_file(codex("config.toml")), said);
    }
    // On this one no Codex starts, for whatever provider.
    write_file(codex("config.toml"), "profile = \"work\"\n");
    EXPECT_THAT(expect_error("spawn", R"({"agent":"codex","provider":"minimax"})", -32007, "config.conflict"),
                HasSubstr("profile"));
    fs::remove(codex("config.toml"));
    fs::create_directory(codex("config.toml"));
    EXPECT_THAT(codes(at(spawn("codex", "minimax"), "/warnings")), ::testing::Contains("file.not_written"));
    expect_error("config.write", R"({"agent":"codex"})", -32008, "io.error");
}

TEST_F(Files, TheUsersMembersOfOpencodeJsonSurviveAsTheyWereWritten) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}});
    write_file(opencode(),
               "{\n  \"theme\": \"dark\",\n  \"big\": 12345678901234567890123, \"f\": 1.10,\n"
               "  \"permission\": \"ask\",\n  \"provider\": {\"kimi\": {\"name\": \"my kimi\"}}\n}\n");
    const json::value plan = spawn("opencode", "zai");
    const std::string text = read_file(opencode());
    EXPECT_THAT(text, HasSubstr("12345678901234567890123"));
    EXPECT_THAT(text, HasSubstr("1.10"));
    EXPECT_LT(text.find("theme"), text.find("big"));
    const json::value merged = parse(text);
    EXPECT_EQ(text_at(merged, "/permission"), "ask");
    EXPECT_EQ(text_at(merged, "/provider/kimi/name"), "my kimi");
    EXPECT_EQ(text_at(merged, "/provider/zai/name"), "Z.AI");
    EXPECT_EQ(action(plan, opencode()), "updated");
}

TEST_F(Files, ABrokenOrCommentedOpencodeJsonIsLeftAsItIs) {
    start();
    write_file(opencode(), "{ // mine\n  \"theme\": \"dark\",\n}\n");
    std::string before = snapshot(home());
    EXPECT_THAT(codes(at(spawn("opencode", "zai"), "/warnings")), Not(IsEmpty()));
    const json::value written = call("config.write", R"({"agent":"opencode"})");
    EXPECT_THAT(codes(at(written, "/warnings")), Not(IsEmpty()));
    EXPECT_EQ(snapshot(home()), before);

    write_file(opencode(), "{\"theme\": ");
    before = snapshot(home());
    EXPECT_THAT(codes(at(spawn("opencode", "zai"), "/warnings")), Not(IsEmpty())) << "its pins do not need the file";
    expect_error("config.write", R"({"agent":"opencode"})", -32007, "config.conflict");
    EXPECT_EQ(snapshot(home()), before);
}

TEST_F(Files, ALinkStaysALinkAndNoKeyGoesThroughIt) {
    start({.env = {{"MINIMAX_API_KEY", std::string(keys::minimax)}}, .config = "[opencode]\napi_key = \"inline\"\n"});
    write_file(home() / "dotfiles/config.toml", "# mine\n");
    fs::create_directories(home() / ".codex");
    fs::create_symlink("../dotfiles/config.toml", codex("config.toml"));
    EXPECT_EQ(action(spawn("codex", "minimax"), codex("config.toml")), "updated");
    EXPECT_TRUE(fs::is_symlink(codex("config.toml")));
    EXPECT_THAT(read_file(home() / "dotfiles/config.toml"), HasSubstr("model_providers.minimax"));

    write_file(home() / "dotfiles/opencode.json", "{}");
    fs::create_directories(opencode().parent_path());
    fs::create_symlink(home() / "dotfiles/opencode.json", opencode());
    EXPECT_THAT(codes(at(spawn("opencode", "minimax"), "/warnings")), Not(IsEmpty()));
    EXPECT_EQ(read_file(home() / "dotfiles/opencode.json"), "{}");
}

TEST_F(Files, AnApprovedKeyKeepsTheRestOfClaudesFile) {
    start({.env = {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}}});
    const fs::path file = home() / ".claude.json";
    write_file(file, R"({"numStartups": 7, "customApiKeyResponses": {"approved": ["x"], "rejected": ["y"]}})");
    EXPECT_EQ(action(spawn("claude", "anthropic"), file), "updated");
    const json::value merged = parse(read_file(file));
    EXPECT_EQ(at(merged, "/numStartups").to_number<int>(), 7);
    EXPECT_TRUE(at(merged, "/hasCompletedOnboarding").as_bool());
    EXPECT_THAT(strings(at(merged, "/customApiKeyResponses/approved")),
                ElementsAre("x", std::string(keys::anthropic.substr(keys::anthropic.size() - 20))));
    EXPECT_THAT(strings(at(merged, "/customApiKeyResponses/rejected")), ElementsAre("y"));
}

}  // namespace
}  // namespace capsule::test
