// Claude Code's side calls: no tier, and no subagent, reaches a third party unmapped.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "client/recorder/conversation.hpp"
#include "client/recorder/reply.hpp"
#include "tests/e2e/cells.hpp"

namespace capsule::e2e {

namespace {

struct Tier {
    std::string provider;
    std::string name;
    std::string model;
};

void PrintTo(const Tier& tier, std::ostream* out) {
    *out << tier.provider << "_" << tier.name;
}

class TierTest : public testing::TestWithParam<Tier> {
  protected:
    World world;
};

std::vector<std::string> models_asked_for(const AgentRun& run) {
    std::vector<std::string> models;
    for (const auto& request : run.requests)
        if (const auto conversation = parse_conversation(request)) models.push_back(conversation->model);
    return models;
}

std::vector<Tier> tiers() {
    std::vector<Tier> all;
    const auto add = [&](const char* provider, const char* opus, const char* sonnet, const char* haiku) {
        for (const auto& [name, model] :
             {std::pair{"opus", opus}, {"sonnet", sonnet}, {"haiku", haiku}, {"fable", opus}})
            all.push_back({provider, name, model});
    };
    add("zai", "glm-5.3", "glm-5.3", "glm-5.3-flash");
    add("minimax", "MiniMax-M3", "MiniMax-M3", "MiniMax-M3");
    add("kimi", "kimi-for-coding", "kimi-for-coding", "kimi-for-coding");
    return all;
}

std::string tier_name(const testing::TestParamInfo<Tier>& info) {
    return info.param.provider + "_" + info.param.name;
}

}  // namespace

TEST_P(TierTest, AsksForTheProvidersModel) {
    world.start_daemon();
    const AgentRun run = world.run("claude", GetParam().provider, {"--model", GetParam().name, "-p", "[[say fine]]"});
    expect_printed(run, "fine");
    expect_route(run, cell("claude", GetParam().provider));
    for (const auto& model : models_asked_for(run))
        EXPECT_EQ(model, GetParam().model);
}

TEST_P(TierTest, AsksForItWithoutTheKeyToo) {
    start_with_broker(world);
    const AgentRun run = world.run("claude", GetParam().provider, {"--model", GetParam().name, "-p", "[[say fine]]"});
    expect_printed(run, "fine");
    expect_route(run, without_key(cell("claude", GetParam().provider)));
    for (const auto& model : models_asked_for(run))
        EXPECT_EQ(model, GetParam().model);
}

INSTANTIATE_TEST_SUITE_P(Tiers, TierTest, testing::ValuesIn(tiers()), tier_name);

TEST(SideCalls, ASubagentOfAnotherTierStaysOnTheProvider) {
    World world;
    world.start_daemon();
    const AgentRun run = world.run(
        "claude", "zai",
        one_shot("claude", R"([[call Agent {"description":"d","prompt":"say sub","subagent_type":"general-purpose",)"
                           R"("model":"haiku"}]])"));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    expect_route(run, cell("claude", "zai"));
    const auto models = models_asked_for(run);
    EXPECT_NE(std::find(models.begin(), models.end(), "glm-5.3-flash"), models.end()) << "the subagent did not run";
}

TEST(SideCalls, APageIsFetchedWithoutAWordToTheVendor) {
    World world;
    world.start_daemon();
    const std::string page = "https://custom.example" + std::string(stand_in_page);
    std::vector<std::string> arguments =
        one_shot("claude", R"([[call WebFetch {"url":")" + page + R"(","prompt":"What does it say?"}]])");
    arguments.back() += ",WebFetch";
    const AgentRun run = world.run("claude", "zai", arguments);
    expect_printed(run, "tool output: " + std::string(page_answer));
    expect_route(run, cell("claude", "zai"));
    for (const RecordedRequest& request : run.requests)
        EXPECT_NE(request.host, "api.anthropic.com") << request.method << " " << request.target;
}

}  // namespace capsule::e2e
