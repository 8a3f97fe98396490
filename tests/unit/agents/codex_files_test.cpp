#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string directory = "/home/agent/.codex/";

Session with_key() {
    Session session;
    session.model_list = {codex_model_list(codex_sample("0.169.0")), ""};
    session.file_keys["minimax"] = {Secret("sk-cp-FAKE-minimax-0001"), true};
    session.file_keys["zai"] = {Secret("FAKE-zai-0001"), true};
    return session;
}

std::vector<FileIntent> files_of(const Session& session) {
    std::vector<Warning> warnings;
    return agent_files(Agent::codex, session.inputs(), warnings);
}

TEST(CodexFiles, AllOfThem) {
    const std::vector<FileIntent> files = files_of(with_key());
    const auto* block = intent_of<TomlBlockIntent>(files);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(block->path, directory + "config.toml");
    ASSERT_EQ(block->tables.size(), 1u) << "Z.AI's cell is blocked";
    EXPECT_EQ(block->tables[0].id, "minimax");
    EXPECT_EQ(block->tables[0].text,
              "[model_providers.minimax]\n"
              "name = \"MiniMax\"\n"
              "base_url = \"https://api.minimax.io/v1\"\n"
              "env_key = \"MINIMAX_API_KEY\"\n"
              "wire_api = \"responses\"\n");
    EXPECT_THAT(block->profiles, ElementsAre("minimax"));

    const StringMap own = own_files(files);
    ASSERT_EQ(own.size(), 2u);
    EXPECT_THAT(own.at(directory + "minimax.config.toml"), ::testing::StartsWith("# Written by capsuled; "));
    EXPECT_THAT(own.at(directory + "minimax.config.toml"),
                ::testing::EndsWith("\nmodel_provider = \"minimax\"\nmodel = \"MiniMax-M3\"\n"));
    EXPECT_THAT(own.at(directory + "minimax.config.toml"), Not(HasSubstr("window")));
    EXPECT_THAT(own.at(directory + "minimax.models.json"), HasSubstr("\"context_window\":1000000"));
}

TEST(CodexFiles, NoKeyAnywhereRemovesWhatIsOurs) {
    Session session = with_key();
    session.file_keys.clear();
    session.config.agents[Agent::codex].models.providers["minimax"].model = {"MiniMax-M2.7", "capsule.toml:4"};
    session.config.roles["fast"].agents[Agent::codex].providers["minimax"].model = {"a/b", "roles/fast.toml:2"};
    const std::vector<FileIntent> files = files_of(session);
    EXPECT_THAT(intent_of<TomlBlockIntent>(files)->tables, IsEmpty());
    EXPECT_THAT(intent_of<TomlBlockIntent>(files)->profiles, IsEmpty());
    EXPECT_EQ(own_files(files), (StringMap{{directory + "minimax.config.toml", "(removed)"},
                                           {directory + "minimax.models.json", "(removed)"},
                                           {directory + "minimax.MiniMax-M2.7.models.json", "(removed)"},
                                           {directory + "minimax.a%2Fb.models.json", "(removed)"}}));
}

TEST(CodexFiles, AKeyOfAWorkspaceOnlyKeepsTheFilesThatArgvNames) {
    Session session = with_key();
    session.file_keys["minimax"] = {std::nullopt, true};
    const std::vector<FileIntent> files = files_of(session);
    EXPECT_THAT(intent_of<TomlBlockIntent>(files)->tables, IsEmpty()) << "files carry global keys only";
    EXPECT_THAT(intent_of<TomlBlockIntent>(files)->profiles, ElementsAre("minimax"));
    EXPECT_NE(own_files(files).at(directory + "minimax.config.toml"), "(removed)");
    EXPECT_NE(own_files(files).at(directory + "minimax.models.json"), "(removed)");
}

TEST(CodexFiles, CarryTheConfiguredModelAndNotTheRolesOrTheRequests) {
    Session session = with_key();
    session.key = Secret("sk-cp-FAKE-minimax-0001");
    session.config.agents[Agent::codex].models.providers["minimax"].model = {"MiniMax-M2.7", "capsule.toml:4"};
    session.config.roles["fast"].agents[Agent::codex].providers["minimax"].model = {"MiniMax-M2", "roles/fast.toml:2"};
    session.role = "fast";
    const Plan plan = session.plan(Agent::codex, "minimax");
    const StringMap own = own_files(plan.files);
    EXPECT_THAT(own.at(directory + "minimax.config.toml"), HasSubstr("model = \"MiniMax-M2.7\""));
    EXPECT_THAT(own.at(directory + "minimax.models.json"), HasSubstr("\"slug\":\"MiniMax-M3\""));
    EXPECT_THAT(own.at(directory + "minimax.MiniMax-M2.7.models.json"), HasSubstr("\"slug\":\"MiniMax-M2.7\""));
    EXPECT_THAT(own.at(directory + "minimax.MiniMax-M2.models.json"), HasSubstr("\"slug\":\"MiniMax-M2\""));
    EXPECT_EQ(argv_of(plan).back(), "model_catalog_json=" + directory + "minimax.MiniMax-M2.models.json");
}

TEST(CodexFiles, ANativeSessionKeepsThemToo) {
    const Plan plan = with_key().plan(Agent::codex, "openai");
    EXPECT_EQ(own_files(plan.files).size(), 2u);
    EXPECT_EQ(intent_of<TomlBlockIntent>(plan.files)->tables.size(), 1u);
}

TEST(CodexFiles, NoUsableCodexWarnsAndLeavesTheCatalogAlone) {
    Session session = with_key();
    session.model_list = {{}, "codex debug models took longer than 10 s"};
    std::vector<Warning> warnings;
    const StringMap own = own_files(agent_files(Agent::codex, session.inputs(), warnings));
    EXPECT_FALSE(own.contains(directory + "minimax.models.json"));
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, "codex.models");
    EXPECT_THAT(warnings[0].message, HasSubstr("took longer than 10 s"));
}

TEST(CodexFiles, NeverHoldAKey) {
    const Session session = with_key();
    for (const auto& [path, content] : own_files(files_of(session)))
        EXPECT_THAT(content, Not(HasSubstr("FAKE"))) << path;
}

}  // namespace
}  // namespace capsule::test
