// The twelve cells, each with the real agent: the session that was asked for is the session that starts.
#include <gtest/gtest.h>

#include "tests/e2e/cells.hpp"
#include "tests/e2e/hostile.hpp"
#include "tests/e2e/secrets.hpp"

namespace capsule::e2e {

namespace {

class CellTest : public testing::TestWithParam<Cell> {
  protected:
    AgentRun run(const std::string& prompt) {
        return world.run(GetParam().agent, GetParam().provider, one_shot(GetParam().agent, prompt));
    }
    /// OpenCode on its own account has no pinned model: where settings name another provider's, it does not start.
    bool may_refuse() const { return GetParam().name() == "opencode_anthropic"; }
    bool refused(const AgentRun& run) const { return may_refuse() && run.exit_code != 0 && prompts(run) == 0; }
    World world;
};

constexpr const char* tool_output = "tool output: ";

/// What Codex says when it knows no such model, and then guesses its context window.
void expect_known_model(const AgentRun& run) {
    EXPECT_EQ(run.err.find("metadata"), std::string::npos) << run.err;
}

void expect_nothing_asked_of(const std::string& host, const AgentRun& run) {
    for (const RecordedRequest& request : run.requests)
        EXPECT_NE(request.host, host) << request.target;
}

void expect_tool_ran(const AgentRun& run) {
    expect_printed(run, tool_output);
    expect_printed(run, "capsule-tool-ran");
}

}  // namespace

TEST_P(CellTest, RunsAToolInAFreshHome) {
    world.start_daemon();
    const AgentRun tool = run(tool_prompt);
    expect_tool_ran(tool);
    expect_route(tool, GetParam());
    if (GetParam().agent == "codex") expect_known_model(tool);
    // Where there is no way to its list of models, a first start would wait for it; a pinned one needs none.
    if (GetParam().agent == "opencode" && !may_refuse()) expect_nothing_asked_of("models.opencode.ai", tool);
}

TEST_P(CellTest, HoldsInAHostileRepository) {
    plant_hostile_repository(world.repository());
    world.start_daemon();
    const AgentRun tool = run(tool_prompt);
    if (!refused(tool)) expect_tool_ran(tool);
    expect_route(tool, GetParam(), may_refuse());
}

TEST_P(CellTest, HoldsInAHomeWithAnEarlierLife) {
    plant_hostile_repository(world.repository());
    plant_prior_home(world.home(), world.repository());
    world.start_daemon();
    Cell expected = GetParam();
    const AgentRun tool = run(tool_prompt);
    expect_prior_home_kept(world.home(), world.repository());
    if (!refused(tool)) expect_tool_ran(tool);
    if (expected.name() == "codex_openai") {  // its own login wins there, and the daemon's key stays with the daemon
        expected.key = "home";
        expected.key_variables = {};
        expected.models.push_back("project-model");  // a trusted project may choose among the own account's models
    }
    expect_route(tool, expected, may_refuse());
}

INSTANTIATE_TEST_SUITE_P(Cells, CellTest, testing::ValuesIn(cells()), cell_name);

}  // namespace capsule::e2e
