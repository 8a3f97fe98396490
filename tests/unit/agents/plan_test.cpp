#include "daemon/agents/plan.hpp"

#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

TEST(Variable, ShowsASecretMaskedOnly) {
    const Variable plain{std::string("value"), "catalog"};
    const Variable secret{Secret("sk-cp-FAKE-minimax-0001"), "key: environment"};
    EXPECT_FALSE(plain.secret());
    EXPECT_EQ(plain.shown(), "value");
    EXPECT_EQ(plain.reveal(), "value");
    EXPECT_TRUE(secret.secret());
    EXPECT_EQ(secret.shown(), "…0001");
    EXPECT_EQ(secret.reveal(), "sk-cp-FAKE-minimax-0001");
}

TEST(SessionHome, PathsFollowTheConfiguredPlaces) {
    SessionHome home;
    home.home = "/home/agent";
    EXPECT_EQ(home.codex_directory(), "/home/agent/.codex");
    EXPECT_EQ(home.opencode_json(), "/home/agent/.config/opencode/opencode.json");
    EXPECT_EQ(home.claude_json(), "/home/agent/.claude.json");
    home.codex_home = "/srv/codex";
    home.xdg_config_home = "/srv/config";
    home.claude_config_dir = "/srv/claude";
    EXPECT_EQ(home.codex_directory(), "/srv/codex");
    EXPECT_EQ(home.opencode_json(), "/srv/config/opencode/opencode.json");
    EXPECT_EQ(home.claude_json(), "/srv/claude/.claude.json");
}

TEST(Plan, AMissingBinaryIsAWarning) {
    Session session;
    session.key = Secret("FAKE-zai-key-0001");
    EXPECT_THAT(warning_codes(session.plan(Agent::claude, "zai")), ::testing::IsEmpty());
    session.binary.reset();
    const Plan plan = session.plan(Agent::claude, "zai");
    EXPECT_THAT(warning_codes(plan), ::testing::ElementsAre("agent.missing"));
    EXPECT_THAT(plan.warnings.front().message,
                ::testing::AllOf(::testing::HasSubstr("/usr/bin:/bin"),
                                 ::testing::HasSubstr("add its directory to PATH in [env] of capsule.toml.")));

    std::vector<Warning> warnings;
    EXPECT_TRUE(agent_files(Agent::claude, session.inputs(), warnings).empty());
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings.front().code, "agent.missing");
}

}  // namespace
}  // namespace capsule::test
