// What a user wrote in capsuled's places: it stays, or is kept beside with a warning. Never is it lost in silence.
#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr const char* kept = ".before-capsuled";

class Kept : public CapsuleTest {
  protected:
    fs::path codex(const std::string& name) const { return home() / ".codex" / name; }
    fs::path opencode() const { return home() / ".config/opencode/opencode.json"; }

    std::vector<std::string> spawned(const char* agent, const char* provider) const {
        return codes(at(call("spawn", R"({"agent":")" + std::string(agent) + R"(","provider":")" + provider + "\"}"),
                        "/warnings"));
    }
    std::vector<std::string> written(const std::string& agent) const {
        return codes(at(call("config.write", R"({"agent":")" + agent + "\"}"), "/warnings"));
    }

    /// With the same home, and no provider's key.
    void restart_without_keys() {
        stop();
        start({.env = {}});
    }

    const std::string second_account_ = R"({
  "permission": "allow",
  "provider": {
    "kimi": {
      "npm": "@ai-sdk/anthropic",
      "name": "Kimi, my own second account",
      "options": {"baseURL": "https://api.kimi.com/coding/v1", "apiKey": "FAKE-my-own-second-account-key"},
      "models": {"kimi-k2-turbo": {"name": "kimi-k2-turbo", "limit": {"context": 131072, "output": 9999}}}
    }
  }
}
)";
};

TEST_F(Kept, AProviderOfTheUsersInOpencodeJsonStays) {
    start({.env = {{"KIMI_CODE_API_KEY", std::string(keys::kimi)}}});
    write_file(opencode(), second_account_);
    EXPECT_THAT(spawned("opencode", "kimi"), Contains("opencode.own_block"));
    EXPECT_EQ(read_file(opencode()), second_account_);
    restart_without_keys();
    written("opencode");
    EXPECT_EQ(read_file(opencode()), second_account_);
}

TEST_F(Kept, AKeyOfTheUsersInABlockLikeOursIsKeptBeside) {
    start({.env = {{"KIMI_CODE_API_KEY", std::string(keys::kimi)}}});
    std::string theirs = second_account_;
    theirs.replace(theirs.find("Kimi, my own second account"), 27, "Kimi");
    write_file(opencode(), theirs);
    fs::permissions(opencode(), fs::perms{0600});
    EXPECT_THAT(spawned("opencode", "kimi"), Contains("file.kept"));
    EXPECT_EQ(read_file(opencode().string() + kept), theirs);
    EXPECT_EQ(mode_of(opencode().string() + kept), 0600U);
    EXPECT_THAT(read_file(opencode()), Not(HasSubstr("second-account")));
    EXPECT_THAT(spawned("opencode", "kimi"), Not(Contains("file.kept"))) << "once";
    EXPECT_FALSE(fs::exists(opencode().string() + kept + ".2"));

    fs::remove(opencode().string() + kept);
    write_file(opencode(), theirs);
    restart_without_keys();
    EXPECT_THAT(written("opencode"), Contains("file.kept"));
    EXPECT_EQ(read_file(opencode().string() + kept), theirs);
}

// With keys in the file: not the key that it had, nor one that was there before, however the settings change.
TEST_F(Kept, NoKeyOfOursStaysInWhatIsKept) {
    const std::string first = "FAKE-zai-first-0123456789abcdef", second = "FAKE-zai-second-0123456789abcdef";
    const std::string in_file = "[opencode]\napi_key = \"inline\"\n";
    const std::string kimi(keys::kimi);
    const auto change_model = [&] {
        std::string text = read_file(opencode());
        for (std::size_t at = text.find("kimi-for-coding"); at != text.npos; at = text.find("kimi-for-coding"))
            text.replace(at, 15, "my-own-model");
        write_file(opencode(), text);
    };
    start({.env = {{"ZAI_API_KEY", first}, {"KIMI_CODE_API_KEY", kimi}}, .config = in_file});
    spawned("opencode", "zai");
    ASSERT_THAT(read_file(opencode()), HasSubstr(first));
    change_model();
    EXPECT_THAT(spawned("opencode", "zai"), Contains("file.kept"));
    EXPECT_THAT(read_file(opencode().string() + kept), HasSubstr("my-own-model"));
    EXPECT_EQ(mode_of(opencode().string() + kept), 0600U);
    stop();
    change_model();
    start({.env = {{"ZAI_API_KEY", second}, {"KIMI_CODE_API_KEY", kimi}}, .config = in_file});
    EXPECT_THAT(spawned("opencode", "zai"), Contains("file.kept"));
    stop();
    change_model();
    start({.env = {{"ZAI_API_KEY", second}, {"KIMI_CODE_API_KEY", kimi}}});
    EXPECT_THAT(spawned("opencode", "zai"), Contains("file.kept"));
    for (const auto& entry : fs::directory_iterator(opencode().parent_path()))
        for (const std::string& key : {first, second, kimi})
            EXPECT_THAT(read_file(entry.path()), Not(HasSubstr(key))) << entry.path();
}

TEST_F(Kept, AProfileOfTheUsersStays) {
    const std::string short_one = "model_provider = \"minimax\"\nmodel = \"MiniMax-M2.7-my-choice\"\n";
    const std::string below_our_line =
        "# Written by capsuled; it is overwritten. Choose the model in capsule.toml: [codex.providers.kimi].\n"
        "model_provider = \"kimi\"\nmodel = \"kimi-for-coding\"\n\n"
        "# mine: think hard, and ask before anything\nmodel_reasoning_effort = \"high\"\n";
    start();
    write_file(codex("minimax.config.toml"), short_one);
    write_file(codex("kimi.config.toml"), below_our_line);
    EXPECT_THAT(spawned("codex", "minimax"), Contains("codex.own_profile"));
    restart_without_keys();
    written("codex");
    EXPECT_EQ(read_file(codex("minimax.config.toml")), short_one);
    EXPECT_EQ(read_file(codex("kimi.config.toml")), below_our_line);
}

TEST_F(Kept, AModelOfTheUsersInOurProfileIsKeptBeside) {
    start();
    spawned("codex", "minimax");
    std::string theirs = read_file(codex("minimax.config.toml"));
    theirs.replace(theirs.find("MiniMax-M3"), 10, "my-own-finetune");
    write_file(codex("minimax.config.toml"), theirs);
    EXPECT_THAT(spawned("codex", "minimax"), Contains("file.kept"));
    EXPECT_EQ(read_file(codex("minimax.config.toml.before-capsuled")), theirs);
    EXPECT_THAT(read_file(codex("minimax.config.toml")), HasSubstr("MiniMax-M3"));
}

TEST_F(Kept, AModelCatalogOfTheUsersIsKeptBesideOrStays) {
    const std::string theirs = R"({"models":[{"slug":"my-finetune","display_name":"my-finetune","context_window":4096,)"
                               R"("base_instructions":"my own words, four pages of them"}]})";
    start();
    write_file(codex("zai.models.json"), theirs);
    EXPECT_THAT(spawned("codex", "zai"), Contains("file.kept"));
    EXPECT_EQ(read_file(codex("zai.models.json.before-capsuled")), theirs);
    EXPECT_THAT(read_file(codex("zai.models.json")), HasSubstr("glm-5.3"));
    // In what capsuled wrote itself, too.
    std::string with_rules = read_file(codex("zai.models.json"));
    with_rules.insert(with_rules.find(" by Z.AI.") + 9, " Never push to main.");
    write_file(codex("zai.models.json"), with_rules);
    EXPECT_THAT(spawned("codex", "zai"), Contains("file.kept"));
    EXPECT_EQ(read_file(codex("zai.models.json.before-capsuled.2")), with_rules);
    restart_without_keys();
    for (const std::string& each : {theirs, with_rules}) {
        write_file(codex("zai.models.json"), each);
        written("codex");
        EXPECT_EQ(read_file(codex("zai.models.json")), each);
    }
}

TEST_F(Kept, APermissionOfTheUsersThatStandsAloneStays) {
    const std::string theirs = "{\n  \"permission\": \"allow\"\n}\n";
    const std::string with_schema =
        "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"permission\": \"allow\"\n}\n";
    for (const char* word : {"allow", "ask", "none"}) {
        const std::string config = "[opencode]\npermission = \"" + std::string(word) + "\"\n";
        for (const std::string& text : {theirs, with_schema}) {
            start({.config = config});
            write_file(opencode(), text);
            spawned("opencode", "zai");
            EXPECT_THAT(read_file(opencode()), HasSubstr("\"permission\": \"allow\"")) << word;
            stop();
            start({.env = {}, .config = config});
            written("opencode");
            EXPECT_EQ(read_file(opencode()), text) << word;
            stop();
        }
    }
}

TEST_F(Kept, AValueOfTheUsersInOurTableIsKeptBeside) {
    start();
    spawned("codex", "zai");
    std::string theirs = read_file(codex("config.toml"));
    const std::string was = "https://api.z.ai/api/v1";
    theirs.replace(theirs.find(was), was.size(), "https://my-own-gateway.example/v1");
    write_file(codex("config.toml"), theirs);
    EXPECT_THAT(codes(at(call("explain", R"({"agent":"codex","provider":"zai"})"), "/warnings")),
                Contains("file.kept"));
    EXPECT_FALSE(fs::exists(codex("config.toml.before-capsuled"))) << "explain writes nothing";
    EXPECT_THAT(spawned("codex", "zai"), Contains("file.kept"));
    EXPECT_EQ(read_file(codex("config.toml.before-capsuled")), theirs);
    EXPECT_THAT(read_file(codex("config.toml")), HasSubstr(was));
    EXPECT_THAT(spawned("codex", "zai"), Not(Contains("file.kept")));
}

TEST_F(Kept, ANoToTheSessionsKeyIsTakenOutAndTold) {
    start({.env = {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}}});
    const std::string tail(keys::anthropic.substr(keys::anthropic.size() - 20));
    write_file(home() / ".claude.json",
               R"({"customApiKeyResponses":{"approved":[],"rejected":[")" + tail + R"(","other"]},"mine":1})");
    EXPECT_THAT(spawned("claude", "anthropic"), Contains("claude.answer_replaced"));
    EXPECT_THAT(read_file(home() / ".claude.json"), HasSubstr(R"("rejected":["other"])"));
    EXPECT_THAT(spawned("claude", "anthropic"), Not(Contains("claude.answer_replaced")));
}

// What this version wrote, with every setting that an operator has for it, is kept up to date without a word.
TEST_F(Kept, WhatIsOursFollowsTheSettingsInSilence) {
    const std::string other_models =
        "[codex.providers.minimax]\nmodel = \"MiniMax-M2.7\"\n[opencode.providers.zai]\nmodel = \"glm-4.7\"\n";
    const std::string elsewhere =
        "[providers.zai]\nlabel = \"Ours\"\n[providers.zai.codex]\nbase_url = \"https://gateway.example/v1\"\n"
        "[providers.zai.opencode]\nbase_url = \"https://gateway.example/v4\"\n"
        "[providers.kimi.models.\"kimi-for-coding\"]\ncontext_window = 1048576\n";
    const std::string without;
    for (const std::string& config :
         {without, other_models, std::string("[opencode]\napi_key = \"inline\"\n"), without, elsewhere}) {
        start({.env = all_keys(), .config = config});
        for (const char* agent : {"codex", "opencode"})
            for (const std::string& code : written(agent))
                EXPECT_THAT(code, ::testing::AnyOf("agent.missing", "model.unknown")) << config;
        stop();
    }
    EXPECT_THAT(read_file(opencode()), HasSubstr("gateway.example/v4"));
    EXPECT_THAT(read_file(opencode()), HasSubstr("1048576"));
    EXPECT_THAT(read_file(codex("config.toml")), HasSubstr("gateway.example/v1"));
    for (const auto& entry : fs::recursive_directory_iterator(home()))
        EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("before-capsuled")));
    restart_without_keys();
    written("codex");
    written("opencode");
    EXPECT_FALSE(fs::exists(codex("zai.config.toml")));
}

}  // namespace
}  // namespace capsule::test
