#include <boost/json/parse.hpp>

#include "daemon/agents/opencode/cell.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string content(const std::string& id, const std::string& model, const std::string& npm, const std::string& url,
                    const std::string& variable, const std::string& facts) {
    const std::string name = id + "/" + model;
    return R"({"$schema":"https://opencode.ai/config.json","enabled_providers":[")" + id +
           R"("],"disabled_providers":[],"model":")" + name + R"(","small_model":")" + name + R"(","provider":{")" +
           id + R"(":{"npm":")" + npm + R"(","options":{"baseURL":")" + url + R"(","apiKey":"{env:)" + variable +
           R"(}","headers":[]},"models":{")" + model + R"(":{"name":")" + model + R"(",)" + facts + R"("id":")" +
           model + R"(","provider":{"npm":")" + npm + R"(","api":")" + url + R"("}}}}}})";
}

// What is known of each model, as OpenCode has it.
const std::string text_only = R"("modalities":{"input":["text"],"output":["text"]},)";
const std::string zai_facts = R"("limit":{"context":200000,"output":131072},"reasoning":true,)" + text_only;
const std::string kimi_facts = R"("limit":{"context":262144,"output":32768},"reasoning":true,)" + text_only;
const std::string minimax_known = R"("limit":{"context":1000000,"output":512000},"reasoning":true,"attachment":true,)"
                                  R"("modalities":{"input":["text","image","video"],"output":["text"]},)";

TEST(Opencode, AModelOfWhichNothingIsKnownGetsNoOthersWindow) {
    const Plan plan = keyed().plan(Agent::opencode, "zai", "glm-9");
    EXPECT_THAT(std::string(plan.env.at("OPENCODE_CONFIG_CONTENT").reveal()), Not(HasSubstr("limit")));
    EXPECT_THAT(warning_codes(plan), ElementsAre("model.unknown"));
}

TEST(Opencode, Zai) {
    const Plan plan = keyed().plan(Agent::opencode, "zai");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode", "-m", "zai/glm-5.1"));
    EXPECT_EQ(route_env_of(plan),
              (StringMap{{"ZAI_API_KEY", key},
                         {"OPENCODE_DISABLE_MODELS_FETCH", "1"},
                         {"OPENCODE_CONFIG_CONTENT",
                          content("zai", "glm-5.1", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4",
                                  "ZAI_API_KEY", zai_facts)}}));
}

TEST(Opencode, Minimax) {
    const Plan plan = keyed().plan(Agent::opencode, "minimax");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode", "-m", "minimax/MiniMax-M3"));
    EXPECT_EQ(route_env_of(plan),
              (StringMap{{"MINIMAX_API_KEY", key},
                         {"OPENCODE_DISABLE_MODELS_FETCH", "1"},
                         {"OPENCODE_CONFIG_CONTENT",
                          content("minimax", "MiniMax-M3", "@ai-sdk/anthropic", "https://api.minimax.io/anthropic/v1",
                                  "MINIMAX_API_KEY", minimax_known)}}));
}

TEST(Opencode, Kimi) {
    const Plan plan = keyed().plan(Agent::opencode, "kimi");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode", "-m", "kimi/kimi-for-coding"));
    EXPECT_EQ(route_env_of(plan),
              (StringMap{{"KIMI_CODE_API_KEY", key},
                         {"OPENCODE_DISABLE_MODELS_FETCH", "1"},
                         {"OPENCODE_CONFIG_CONTENT",
                          content("kimi", "kimi-for-coding", "@ai-sdk/anthropic", "https://api.kimi.com/coding/v1",
                                  "KIMI_CODE_API_KEY", kimi_facts)}}));
}

TEST(Opencode, AnthropicWithoutAModelIsFencedAllTheSame) {
    const Plan plan = keyed().plan(Agent::opencode, "anthropic");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode"));
    EXPECT_EQ(route_env_of(plan),
              (StringMap{{"ANTHROPIC_API_KEY", key},
                         {"OPENCODE_CONFIG_CONTENT",
                          R"({"$schema":"https://opencode.ai/config.json","enabled_providers":["anthropic"],)"
                          R"("disabled_providers":[],"provider":{"anthropic":{"npm":"@ai-sdk/anthropic",)"
                          R"("options":{"baseURL":"https://api.anthropic.com/v1",)"
                          R"("apiKey":"{env:ANTHROPIC_API_KEY}","headers":[]}}}})"}}));
}

TEST(Opencode, AnthropicWithAModel) {
    const Plan plan = keyed().plan(Agent::opencode, "anthropic", "claude-x");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode", "-m", "anthropic/claude-x"));
    EXPECT_EQ(
        plan.env.at("OPENCODE_CONFIG_CONTENT").reveal(),
        content("anthropic", "claude-x", "@ai-sdk/anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", ""));
}

TEST(Opencode, AModelMayNameItsProvider) {
    EXPECT_THAT(argv_of(keyed().plan(Agent::opencode, "zai", "zai/glm-4.7")),
                ElementsAre("opencode", "-m", "zai/glm-4.7"));
    EXPECT_THAT(argv_of(keyed().plan(Agent::opencode, "zai", "glm-4.7")), ElementsAre("opencode", "-m", "zai/glm-4.7"));
}

TEST(Opencode, TheContentIsJsonWhateverTheNames) {
    Session session = keyed();
    session.config.agents[Agent::opencode].models.providers["zai"].model = {R"(a"b\c)", "capsule.toml:4"};
    const Plan plan = session.plan(Agent::opencode, "zai");
    boost::system::error_code failed;
    const auto parsed = boost::json::parse(std::string(plan.env.at("OPENCODE_CONFIG_CONTENT").reveal()), failed);
    ASSERT_FALSE(failed);
    EXPECT_EQ(parsed.at("model").as_string(), R"(zai/a"b\c)");
}

TEST(Opencode, ProjectSettingsIgnoredAndConfiguredArgumentsComeLast) {
    Session session = keyed();
    session.config.session.project_settings = ProjectSettings::ignore;
    session.config.agents[Agent::opencode].args = {{"--print-logs"}, "capsule.toml:20"};
    const Plan plan = session.plan(Agent::opencode, "zai");
    EXPECT_EQ(plan.env.at("OPENCODE_DISABLE_PROJECT_CONFIG").reveal(), "1");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode", "-m", "zai/glm-5.1", "--print-logs"));
}

TEST(Opencode, WithoutAKeyThereIsNoSession) {
    Session session = keyed();
    session.key.reset();
    for (const char* provider : {"anthropic", "zai", "minimax", "kimi"})
        EXPECT_EQ(session.try_plan(Agent::opencode, provider).error().code, ErrorCode::key_absent) << provider;
}

// ---- opencode.json ----

std::string shown(const OpencodeBlock& block) {
    const auto* secret = std::get_if<Secret>(&block.api_key);
    return block.id + " | " + block.name + " | " + block.npm + " | " + block.base_url + " | " + block.model + " | " +
           (secret ? "secret " + std::string(secret->reveal()) : std::get<std::string>(block.api_key));
}

Strings shown(const std::vector<OpencodeBlock>& blocks) {
    Strings out;
    for (const OpencodeBlock& block : blocks)
        out.push_back(shown(block));
    return out;
}

Session with_file_keys() {
    Session session = keyed();
    session.file_keys["anthropic"] = {Secret("FAKE-anthropic-0001"), true};
    session.file_keys["zai"] = {Secret("FAKE-zai-0001"), true};
    session.file_keys["kimi"] = {std::nullopt, true};
    return session;
}

OpencodeJsonIntent file_of(const Session& session) {
    std::vector<Warning> warnings;
    return *content_of<OpencodeJsonIntent>(agent_files(Agent::opencode, session.inputs(), warnings).at(0));
}

TEST(OpencodeJson, ABlockForEachAlternativeProviderWithAGlobalKey) {
    const OpencodeJsonIntent file = file_of(with_file_keys());
    EXPECT_EQ(file.path, "/home/agent/.config/opencode/opencode.json");
    EXPECT_THAT(shown(file.blocks), ElementsAre("zai | Z.AI | @ai-sdk/openai-compatible | "
                                                "https://api.z.ai/api/coding/paas/v4 | glm-5.1 | {env:ZAI_API_KEY}"));
    EXPECT_FALSE(file.only_remove);
}

TEST(OpencodeJson, KnowsEveryBlockThatCouldBeOurs) {
    Strings ids;
    for (const OpencodeBlock& block : file_of(with_file_keys()).known)
        ids.push_back(block.id);
    EXPECT_THAT(ids, ElementsAre("zai", "minimax", "kimi"));
}

TEST(OpencodeJson, KeysMayStandInTheFile) {
    Session session = with_file_keys();
    session.config.agents[Agent::opencode].own = OpencodeSettings{OpencodeKeys::in_file};
    EXPECT_THAT(shown(file_of(session).blocks).at(0), HasSubstr("| secret FAKE-zai-0001"));
}

TEST(OpencodeJson, KnowsTheFilesThatOpencodeMergesWithIt) {
    Session session = with_file_keys();
    session.config.agents[Agent::opencode].own = OpencodeSettings{OpencodeKeys::env, "ask"};
    const OpencodeJsonIntent file = file_of(session);
    EXPECT_EQ(file.permission, "ask");
    for (const char* path : {"/home/agent/.config/opencode/config.json", "/home/agent/.config/opencode/opencode.jsonc",
                             "/home/agent/.config/opencode/config", "/home/agent/.opencode/opencode.json",
                             "/home/agent/.opencode/opencode.jsonc", "/etc/opencode/opencode.json",
                             "/etc/opencode/opencode.jsonc", "/home/agent/.local/share/opencode/auth.json"})
        EXPECT_THAT(file.merged_files, ::testing::Contains(path));
}

TEST(OpencodeJson, CarriesTheConfiguredModelAndNotTheRequests) {
    Session session = with_file_keys();
    session.config.agents[Agent::opencode].models.providers["zai"].model = {"zai/glm-4.7", "capsule.toml:4"};
    const Plan plan = session.plan(Agent::opencode, "zai", "glm-5-turbo");
    const auto* file = intent_of<OpencodeJsonIntent>(plan.files);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(file->blocks.at(0).model, "glm-4.7");
    EXPECT_THAT(argv_of(plan), ElementsAre("opencode", "-m", "zai/glm-5-turbo"));
}

TEST(OpencodeJson, CarriesTheGlobalKeyAndNotTheSessions) {
    const Plan plan = with_file_keys().plan(Agent::opencode, "zai");
    EXPECT_THAT(shown(intent_of<OpencodeJsonIntent>(plan.files)->blocks).at(0), Not(HasSubstr(key)));
}

TEST(OpencodeJson, OnlyRemovesWhenNoKeyIsLeft) {
    Session session = keyed();
    EXPECT_TRUE(file_of(session).only_remove);
    EXPECT_THAT(file_of(session).blocks, IsEmpty());
    session.file_keys["anthropic"] = {std::nullopt, true};
    EXPECT_FALSE(file_of(session).only_remove);
    session.file_keys.clear();
    EXPECT_FALSE(intent_of<OpencodeJsonIntent>(session.plan(Agent::opencode, "zai").files)->only_remove);
}

}  // namespace
}  // namespace capsule::test
