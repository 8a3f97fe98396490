// Every cell that can do without its key, with the real agent: the provider gets the key, no process of the session and
// no file of its home has it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <sstream>
#include <thread>
#include <tuple>

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

/// The last session's row, once it holds or some seconds have gone: what it did last is told some moments after the
/// agent has gone.
SessionRow row_when(const World& world, const std::function<bool(const SessionRow&)>& holds) {
    for (int i = 0;; ++i) {
        const std::vector<SessionRow> rows = world.sessions();
        const SessionRow row = rows.empty() ? SessionRow{} : rows.back();
        if (holds(row) || i == 100) return row;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

class Brokered : public testing::TestWithParam<Cell> {
  protected:
    void start() { start_with_broker(world); }
    AgentRun run() {
        return world.run(GetParam().agent, GetParam().provider,
                         one_shot(GetParam().agent, "[[run printf %s-%s capsule tool-ran]]"));
    }
    Cell expected() const { return without_key(GetParam()); }
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
        const SessionRow row =
            row_when(world, [&](const SessionRow& each) { return each.requests.total >= requests.total; });
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

}  // namespace

TEST_P(Brokered, RunsAToolAndHasNoKey) {
    start();
    world.seek({secret(GetParam().key), "cst_"});
    const AgentRun tool = run();
    expect_printed(tool, "capsule-tool-ran");
    EXPECT_GT(tool.searches, 0U);
    EXPECT_EQ(tool.in_memory, std::set<std::string>{"cst_"}) << "the token alone, in " << tool.memory_seen << " bytes";
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

TEST_P(Brokered, HoldsInAHomeWithAnEarlierLife) {
    plant_hostile_repository(world.repository());
    plant_prior_home(world.home(), world.repository());
    start();
    const AgentRun tool = run();
    expect_prior_home_kept(world.home(), world.repository());
    Cell cell = expected();
    if (cell.name() == "codex_openai") {  // its own login wins there: that session has no token
        cell.key = "home";
        cell.models.push_back("project-model");
    }
    expect_route(tool, cell, cell.name() == "opencode_anthropic");
    expect_no_token_upstream(tool);
    expect_no_key_in_the_home();
}

INSTANTIATE_TEST_SUITE_P(Cells, Brokered, testing::ValuesIn(brokered_cells()), cell_name);

namespace {

struct Refusal {
    std::string provider, answer, kind;
    /// How the pages say it.
    std::string words;
};

const std::vector<Refusal> refusals{
    {"zai", R"(429 {"error":{"code":"1308","message":"Your limit will reset at 2026-11-26 05:44:44"}})", "window",
     "the quota of these hours is used up"},
    {"kimi", R"(403 {"error":{"type":"access_terminated_error","message":"Your usage limit is reached"}})", "window",
     "the quota of these hours is used up"},
    {"kimi", R"(402 {"error":{"type":"error","message":"No membership"}})", "plan",
     "the plan has expired, or there is none"},
    {"minimax", R"(200 {"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}})", "balance",
     "there is no balance"},
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << refusal.provider << ' ' << refusal.kind;
}

using RefusedAgent = std::tuple<std::string, Refusal>;

std::string refused_name(const testing::TestParamInfo<RefusedAgent>& info) {
    const auto& [agent, refusal] = info.param;
    return agent + "_" + refusal.provider + "_" + refusal.kind;
}

class RefusedByProvider : public testing::TestWithParam<RefusedAgent> {};

}  // namespace

TEST_P(RefusedByProvider, IsNamedAsWhatItIs) {
    World world;
    start_with_broker(world);
    const auto& [agent, refusal] = GetParam();
    const auto limited = [](const SessionRow& each) { return each.limit.has_value(); };
    // Most agents ask again for minutes.
    world.run_until(agent, refusal.provider, one_shot(agent, "[[refuse " + refusal.answer + "]]"), [&] {
        const std::vector<SessionRow> rows = world.sessions();
        return !rows.empty() && limited(rows.back());
    });
    const SessionRow row = row_when(world, limited);
    ASSERT_TRUE(row.limit) << row.requests.total << " requests";
    EXPECT_EQ(row.limit->kind, refusal.kind);
    EXPECT_NE(refusal.answer.find(row.limit->message), std::string::npos) << row.limit->message;
    EXPECT_GE(row.requests.failed, 1U);
    EXPECT_NE(world.log().find("provider.limit"), std::string::npos);
    EXPECT_NE(world.capsulectl({"sessions", row.id}).out.find(refusal.words), std::string::npos);
    EXPECT_NE(world.capsulectl({"status"}).out.find(refusal.words), std::string::npos);
    const test::Outcome explained = world.capsulectl({"explain", agent, "--provider", refusal.provider});
    EXPECT_NE((explained.out + explained.err).find(refusal.words), std::string::npos) << explained.out << explained.err;
}

INSTANTIATE_TEST_SUITE_P(Agents, RefusedByProvider,
                         testing::Combine(testing::Values("claude", "codex", "opencode"), testing::ValuesIn(refusals)),
                         refused_name);

class AnotherModel : public testing::TestWithParam<std::string> {};

TEST_P(AnotherModel, IsSaidOfTheSessionAndOnceInTheLog) {
    World world;
    start_with_broker(world);
    world.run(GetParam(), "zai", one_shot(GetParam(), "[[as glm-4.7]]"));
    const auto differs = [](const SessionModel& model) {
        return model.answered == "glm-4.7" && model.asked != "glm-4.7";
    };
    const SessionRow row =
        row_when(world, [&](const SessionRow& each) { return std::ranges::any_of(each.models, differs); });
    EXPECT_TRUE(std::ranges::any_of(row.models, differs));
    const std::string log = world.log();
    const std::size_t first = log.find("session.model_differs");
    ASSERT_NE(first, std::string::npos);
    EXPECT_EQ(log.find("session.model_differs", first + 1), std::string::npos);
    EXPECT_NE(world.capsulectl({"sessions", row.id}).out.find("glm-4.7"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Agents, AnotherModel, testing::Values("claude", "codex", "opencode"),
                         [](const auto& agent) { return agent.param; });

}  // namespace capsule::e2e
