// Every cell that can do without its key, with the real agent: the provider gets the key, no process of the session and
// no file of its home has it.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "client/recorder/conversation.hpp"
#include "client/recorder/reply.hpp"
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
    /// What sessions.list says of the session is what the stand-in saw of it.
    void expect_counted(const AgentRun& run) const {
        SessionRequests requests;
        SessionTokens tokens;
        std::map<std::string, std::uint64_t> models;
        for (const RecordedRequest& request : run.requests) {
            // Others, without the key, are the agent's own business.
            if (request.header(GetParam().auth_header).find(secret(GetParam().key)) == std::string_view::npos) continue;
            ++requests.total;
            if (const Reply reply = reply_to(request); reply.status >= 400) ++requests.failed;
            const auto conversation = parse_conversation(request);
            if (!conversation) continue;
            tokens.input += static_cast<std::uint64_t>(next_turn(*conversation).input_tokens);
            tokens.output += stand_in_output_tokens;
            ++models[conversation->model];
        }
        const auto counted = [&] {
            const std::vector<SessionRow> rows = world.sessions();
            return rows.empty() ? SessionRow{} : rows.back();
        };
        SessionRow row = counted();
        // The last of it is told some moments after the agent has gone.
        for (int i = 0; i < 100 && row.requests.total < requests.total; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            row = counted();
        }
        EXPECT_EQ(row.state, "ended");
        EXPECT_EQ(row.requests.total, requests.total);
        EXPECT_EQ(row.requests.failed, requests.failed);
        EXPECT_EQ(row.tokens.input, tokens.input);
        EXPECT_EQ(row.tokens.output, tokens.output);
        EXPECT_EQ(row.tokens.cached, 0U);
        std::map<std::string, std::uint64_t> answered;
        for (const SessionModel& model : row.models)
            if (!model.answered.empty()) {
                EXPECT_EQ(model.asked, model.answered);
                answered[model.answered] += model.count;
            }
        EXPECT_EQ(answered, models);
        EXPECT_FALSE(row.limit);
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
    expect_counted(tool);
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
