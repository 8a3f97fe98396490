// Beyond the twelve cells: what is refused, what an operator adds as data, and what a project may not run.
#include <gtest/gtest.h>

#include "tests/e2e/cells.hpp"
#include "tests/e2e/secrets.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule::e2e {

namespace {

constexpr int cell_refused = 6;  // capsulectl's exit code

constexpr const char* custom_provider = R"(
[providers.custom]
label = "Custom"
key_env = "CUSTOM_API_KEY"
[providers.custom.claude]
base_url = "https://custom.example/anthropic"
opus_model = "custom-large"
sonnet_model = "custom-large"
haiku_model = "custom-small"
[providers.custom.codex]
base_url = "https://custom.example/v1"
wire_api = "responses"
model = "custom-large"
context_window = 200000
[providers.custom.opencode]
npm = "@ai-sdk/openai-compatible"
base_url = "https://custom.example/v1"
model = "custom-large"
)";

AgentRun run_tool(World& world, const std::string& agent, const std::string& provider) {
    return world.run(agent, provider, one_shot(agent, "[[run printf %s-%s capsule tool-ran]]"));
}

void expect_cell(World& world, const Cell& cell) {
    SCOPED_TRACE(cell.name());
    const AgentRun run = run_tool(world, cell.agent, cell.provider);
    expect_printed(run, "capsule-tool-ran");
    expect_route(run, cell);
}

Cell custom(const std::string& agent, const std::string& path, const std::string& variable) {
    return {agent,           "custom",         "custom.example", path,
            "authorization", "CUSTOM_API_KEY", {variable},       {"custom-large", "custom-small"}};
}

}  // namespace

TEST(BlockedCells, AreRefusedWithTheirReason) {
    World world;
    world.start_daemon("[providers.zai.codex]\nblocked = \"not this month\"\n");
    const AgentRun run = run_tool(world, "codex", "zai");
    EXPECT_EQ(run.exit_code, cell_refused);
    EXPECT_NE(run.err.find("not this month"), std::string::npos) << run.err;
    EXPECT_TRUE(run.requests.empty());
}

// Kimi has a second host, for accounts made there: five lines in capsule.toml, as its guide has them.
TEST(KimisSecondHost, IsFiveLines) {
    World world;
    world.start_daemon(
        "[providers.kimi]\n"
        "claude.base_url = \"https://api.kimi.ai/coding\"\n"
        "codex.base_url = \"https://api.kimi.ai/coding/v1\"\n"
        "opencode.base_url = \"https://api.kimi.ai/coding/v1\"\n"
        "usage.url = \"https://api.kimi.ai/coding/v1/usages\"\n");
    for (const char* agent : {"claude", "codex", "opencode"}) {
        Cell there = cell(agent, "kimi");
        there.host = "api.kimi.ai";
        expect_cell(world, there);
    }
}

TEST(CustomProvider, WorksInClaudeCode) {
    World world;
    world.start_daemon(custom_provider);
    expect_cell(world, custom("claude", "/anthropic/v1/messages", "ANTHROPIC_AUTH_TOKEN"));
}

TEST(CustomProvider, WorksInCodex) {
    World world;
    world.start_daemon(custom_provider);
    expect_cell(world, custom("codex", "/v1/responses", "CUSTOM_API_KEY"));
}

TEST(CustomProvider, WorksInOpenCode) {
    World world;
    world.start_daemon(custom_provider);
    expect_cell(world, custom("opencode", "/v1/chat/completions", "CUSTOM_API_KEY"));
}

class ProjectSettingsTest : public testing::Test {
  protected:
    ProjectSettingsTest() {
        const std::string touch = "touch " + mark.string();
        test::write_file(world.repository() / ".claude/settings.json",
                         R"({"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": ")" + touch +
                             R"("}]}], "UserPromptSubmit": [{"hooks": [{"type": "command", "command": ")" + touch +
                             R"("}]}]}})");
    }

    AgentRun start(const std::string& capsule_toml) {
        world.start_daemon(capsule_toml);
        return world.run("claude", "zai", one_shot("claude", "[[say fine]]"));
    }

    World world;
    const fs::path mark = world.home() / "project-code-ran";
};

constexpr const char* ignore_project = "[session]\nproject_settings = \"ignore\"\n";

/// OpenCode's plugins: ThievesOfOpenCode.AreNotStartedWhereTheProjectIsIgnored.
TEST_F(ProjectSettingsTest, RunHooksOfClaudeCodeUnlessIgnored) {
    expect_printed(start(""), "fine");
    EXPECT_TRUE(fs::exists(mark)) << "the hook of this test does not work, so that its absence says nothing";
    fs::remove(mark);
    expect_printed(start(ignore_project), "fine");
    EXPECT_FALSE(fs::exists(mark));
}

}  // namespace capsule::e2e
