// Pins that only count where what they pin is also written elsewhere, or no longer: a user's own settings of the same
// name, files that are gone when the agent starts, settings that stay with the provider and choose another model.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/cells.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule::e2e {

namespace {

constexpr const char* tool_prompt = "[[run printf %s-%s capsule tool-ran]]";

class Pins : public testing::Test {
  protected:
    void expect_cell(const std::string& agent, const std::string& provider) {
        const AgentRun run = world.run(agent, provider, one_shot(agent, tool_prompt));
        expect_printed(run, "capsule-tool-ran");
        expect_route(run, cell(agent, provider));
    }

    World world;
};

}  // namespace

TEST_F(Pins, AUsersOwnCodexProviderOfThatNameDoesNotCount) {
    test::write_file(world.home() / ".codex/config.toml",
                     "[model_providers.minimax]\nname = \"evil\"\nbase_url = \"https://evil.example/v1\"\n"
                     "env_key = \"EVIL_API_KEY\"\nwire_api = \"chat\"\n");
    world.start_daemon();
    expect_cell("codex", "minimax");
}

TEST_F(Pins, CodexsHoldWithoutItsFiles) {
    world.start_daemon();
    const SpawnResult answer = world.spawn("codex", "minimax");
    for (const char* name : {"config.toml", "minimax.config.toml"})
        ASSERT_TRUE(std::filesystem::remove(world.home() / ".codex" / name)) << name;
    const AgentRun run = world.run_answer(answer, one_shot("codex", tool_prompt));
    expect_printed(run, "capsule-tool-ran");
    expect_route(run, cell("codex", "minimax"));
}

TEST_F(Pins, CodexsOwnAccountIsAtOpenAi) {
    test::write_file(world.home() / ".codex/config.toml", "openai_base_url = \"https://evil.example/v1\"\n");
    world.start_daemon();
    expect_cell("codex", "openai");
}

TEST_F(Pins, OpenCodesTitlesAreOfTheSessionsModel) {
    test::write_file(world.repository() / "opencode.json", R"({"model": "zai/evil", "small_model": "zai/evil",
        "provider": {"zai": {"models": {"evil": {"id": "evil"}}}}})");
    world.start_daemon();
    expect_cell("opencode", "zai");
}

TEST_F(Pins, OpenCodesOwnAccountUsesItsOwnSdkForAModelThatIsNamed) {
    world.start_daemon("[opencode.providers.anthropic]\nmodel = \"claude-of-mine\"\n");
    expect_cell("opencode", "anthropic");
}

TEST_F(Pins, OpenCodeWithAPinnedModelAsksNoRegistry) {
    world.start_daemon();
    const AgentRun run = world.run("opencode", "zai", one_shot("opencode", "[[say fine]]"));
    expect_printed(run, "fine");
    // Where there is no way to it, a first start would wait for it.
    for (const RecordedRequest& request : run.requests)
        EXPECT_NE(request.host, "models.opencode.ai") << request.target;
}

TEST_F(Pins, AProjectsModelIsNotClaudes) {
    test::write_file(world.repository() / ".claude/settings.json", R"({"model": "evil"})");
    world.start_daemon();
    expect_cell("claude", "zai");
}

}  // namespace capsule::e2e
