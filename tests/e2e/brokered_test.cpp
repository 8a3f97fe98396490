// Every cell that can do without its key, with the real agent: the provider gets the key, no process of the session and
// no file of its home has it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/cells.hpp"
#include "tests/e2e/hostile.hpp"
#include "tests/e2e/secrets.hpp"

namespace capsule::e2e {

namespace {

std::vector<Cell> brokered_cells() {
    std::vector<Cell> out;
    for (const Cell& cell : cells())
        if (cell.name() != "claude_anthropic") out.push_back(cell);
    return out;
}

class Brokered : public testing::TestWithParam<Cell> {
  protected:
    void start() {
        world.start_daemon("[session]\nkeys = \"broker\"\n[broker]\nca_file = \"" + world.authority().string() +
                           "\"\n[opencode]\napi_key = \"inline\"\n");
    }
    AgentRun run() {
        return world.run(GetParam().agent, GetParam().provider,
                         one_shot(GetParam().agent, "[[run printf %s-%s capsule tool-ran]]"));
    }
    /// The provider is asked as ever; the session's own processes have no key under any name.
    Cell expected() const {
        Cell cell = GetParam();
        cell.key_variables = {};
        return cell;
    }
    void expect_no_key_in_the_home() const {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(
                 world.home(), std::filesystem::directory_options::skip_permission_denied)) {
            if (!entry.is_regular_file()) continue;
            std::ifstream in(entry.path(), std::ios::binary);
            std::ostringstream text;
            text << in.rdbuf();
            for (const auto& [name, secret] : daemon_secrets)
                EXPECT_EQ(text.str().find(secret), std::string::npos) << name << " in " << entry.path();
        }
    }
    /// A token is for this machine: no provider ever sees one.
    static void expect_no_token_upstream(const AgentRun& run) {
        for (const RecordedRequest& request : run.requests)
            for (const auto& [name, value] : request.headers)
                EXPECT_EQ(value.find("cst_"), std::string::npos) << request.host << request.target << " " << name;
    }
    World world;
};

std::string cell_name(const testing::TestParamInfo<Cell>& info) {
    return info.param.name();
}

}  // namespace

TEST_P(Brokered, RunsAToolAndHasNoKey) {
    start();
    const AgentRun tool = run();
    expect_printed(tool, "capsule-tool-ran");
    expect_route(tool, expected());
    expect_no_token_upstream(tool);
    expect_no_key_in_the_home();
}

TEST_P(Brokered, HoldsInAHostileRepository) {
    plant_hostile_repository(world.repository());
    start();
    const AgentRun tool = run();
    const bool may_refuse = GetParam().name() == "opencode_anthropic";
    expect_route(tool, expected(), may_refuse);
    expect_no_token_upstream(tool);
    expect_no_key_in_the_home();
}

INSTANTIATE_TEST_SUITE_P(Cells, Brokered, testing::ValuesIn(brokered_cells()), cell_name);

}  // namespace capsule::e2e
