// `capsulectl verify` with the real agents: green for a session as it is, and red, with its reason, for one that is
// not. Each sabotage is one that a mistake in the daemon or a new version of an agent could be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/verify/verify_cell.hpp"
#include "tests/e2e/world.hpp"
#include "tests/support/json.hpp"

namespace capsule::e2e {

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Verify : public testing::Test {
  protected:
    ExplainResult plan(const std::string& agent, const std::string& provider, const std::string& config = "") {
        world.start_daemon(config);
        return world.explain(agent, provider);
    }

    static std::vector<std::string> problems(const ExplainResult& plan) {
        const auto recorder = Recorder::start();
        return verify_cell(plan, *recorder.value()).problems;
    }

    World world;
};

/// Where the argument that begins so is; fails the test if it is not there.
std::vector<std::string>::iterator argument(ExplainResult& plan, const std::string& beginning) {
    const auto found = std::find_if(plan.argv.begin(), plan.argv.end(),
                                    [&](const std::string& each) { return each.starts_with(beginning); });
    EXPECT_NE(found, plan.argv.end()) << beginning;
    return found;
}

}  // namespace

TEST_F(Verify, IsGreenForASessionAsItIs) {
    EXPECT_THAT(problems(plan("codex", "minimax")), IsEmpty());
    EXPECT_THAT(problems(plan("claude", "kimi")), IsEmpty());
    EXPECT_THAT(problems(plan("opencode", "zai")), IsEmpty());
}

TEST_F(Verify, IsGreenForASessionThatHoldsNoKey) {
    const std::string config = "[session]\nkeys = \"broker\"\n";
    for (const char* agent : {"claude", "codex", "opencode"}) {
        const ExplainResult brokered = plan(agent, "minimax", config);
        EXPECT_EQ(brokered.session.value().keys, "broker") << agent;
        EXPECT_THAT(problems(brokered), IsEmpty()) << agent;
    }
}

TEST_F(Verify, TheCommandSaysWhichVersionItTried) {
    world.start_daemon();  // it has looked at no agent yet
    const auto outcome = world.capsulectl({"--json", "verify", "claude", "--provider", "zai"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    const auto verdict = test::parse(outcome.out);
    EXPECT_EQ(test::at(verdict, "/ok"), true);
    const std::string printed = world.output_of("claude", {"--version"});  // "2.1.197 (Claude Code)"
    EXPECT_EQ(test::at(verdict, "/cells/0/version").as_string(), printed.substr(0, printed.find(' ')));
}

TEST_F(Verify, NamesARemovedPin) {
    ExplainResult sabotaged = plan("claude", "zai");
    std::erase_if(sabotaged.env, [](const auto& each) { return each.name == "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"; });
    EXPECT_THAT(problems(sabotaged), Contains(HasSubstr("a project's settings redirect the session")));
}

TEST_F(Verify, NamesATierThatIsNotPinned) {
    ExplainResult sabotaged = plan("claude", "zai");
    std::erase_if(sabotaged.env, [](const auto& each) { return each.name == "ANTHROPIC_DEFAULT_FABLE_MODEL"; });
    EXPECT_THAT(problems(sabotaged), Contains(HasSubstr("--model fable: the model is \"claude-fable-5")));
}

TEST_F(Verify, NamesAWrongModel) {
    ExplainResult sabotaged = plan("codex", "minimax");
    *(argument(sabotaged, "-m") + 1) = "MiniMax-M9";
    EXPECT_THAT(problems(sabotaged), Contains(HasSubstr("the model is \"MiniMax-M9\"")));
}

TEST_F(Verify, NamesAMissingModelCatalog) {
    ExplainResult sabotaged = plan("codex", "minimax");
    const auto catalog = argument(sabotaged, "model_catalog_json=");
    sabotaged.argv.erase(catalog - 1, catalog + 1);
    EXPECT_THAT(problems(sabotaged), Contains(HasSubstr("the route gives it no model catalog")));
}

TEST_F(Verify, NamesAWindowThatIsNotKept) {
    ExplainResult sabotaged = plan("opencode", "kimi");
    for (auto& variable : sabotaged.env)
        if (variable.name == "OPENCODE_CONFIG_CONTENT")
            variable.value.replace(variable.value.find("262144"), 6, "900000");
    EXPECT_THAT(problems(sabotaged), IsEmpty()) << "it goes by what the route says";
    sabotaged = plan("claude", "kimi");
    std::erase_if(sabotaged.env, [](const auto& each) { return each.name == "CLAUDE_CODE_MAX_CONTEXT_TOKENS"; });
    EXPECT_THAT(problems(sabotaged), Contains(HasSubstr("no context window")));
}

TEST_F(Verify, NamesARawModelCatalog) {
    ExplainResult sabotaged = plan("codex", "minimax");
    boost::json::value models = test::parse(world.output_of("codex", {"debug", "models", "--bundled"}));
    boost::json::object& first = models.at("models").at(0).as_object();
    first["slug"] = "MiniMax-M3";
    const fs::path raw = world.repository() / "raw.json";
    test::write_file(raw, boost::json::serialize(boost::json::object{{"models", boost::json::array{first}}}));
    *argument(sabotaged, "model_catalog_json=") = "model_catalog_json=" + raw.string();
    EXPECT_THAT(problems(sabotaged), Contains(HasSubstr("its model catalog is missing or not ours")));
}

}  // namespace capsule::e2e
