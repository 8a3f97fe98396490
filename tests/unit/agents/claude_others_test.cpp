// What another user has put, or can put, where Claude Code takes a key or a login.
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/list.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;

// Claude Code sends the key of that file, too, and a provider may take it for the session's.
TEST(Claude, NoSessionCarriesTheKeyOfAnotherUsersFile) {
    Session session = keyed();
    session.facts.of(Agent::claude) = ClaudeHome{.others_key = true};
    for (const char* provider : {"zai", "anthropic"}) {
        if (provider == std::string("anthropic")) session.key.reset();
        const Result<Plan> plan = session.try_plan(Agent::claude, provider);
        ASSERT_FALSE(plan) << provider;
        EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
        EXPECT_NE(plan.error().message.find(claude_others_key_file), std::string::npos);
    }
    session = keyed();
    session.facts.of(Agent::claude) = ClaudeHome{.others_key = true};
    SessionInputs inputs = session.inputs();
    inputs.broker_url = "http://127.0.0.1:4587";
    const Result<Route> route = route_session(session.config, {Agent::claude, "zai", {}, {}});
    ASSERT_TRUE(route);
    EXPECT_TRUE(render_session(*route, inputs)) << "the broker takes it out";
}

TEST(Claude, NoSessionRunsOnAnotherUsersLogin) {
    Session session = keyed();
    session.facts.of(Agent::claude) = ClaudeHome{.others_login = true};
    EXPECT_TRUE(session.try_plan(Agent::claude, "zai")) << "its key outranks the login";
    session.key.reset();
    const Result<Plan> plan = session.try_plan(Agent::claude, "anthropic");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
    EXPECT_NE(plan.error().message.find(claude_others_login_file), std::string::npos);
}

// The file can come after the session's start.
TEST(Claude, NorOnOneThatAnotherUserCanPutThereLater) {
    Session session = keyed();
    session.key.reset();
    HomeReader reader{[](const std::string&, std::size_t) { return std::optional<std::string>(); },
                      [](const std::string&) { return false; }};
    session.facts.of(Agent::claude) = claude_agent.look_at_home(session.home, reader);
    EXPECT_TRUE(session.try_plan(Agent::claude, "anthropic"));
    reader.others_can_make = [](const std::string& path) { return path == claude_others_login_file; };
    session.facts.of(Agent::claude) = claude_agent.look_at_home(session.home, reader);
    const Result<Plan> plan = session.try_plan(Agent::claude, "anthropic");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
}

}  // namespace
}  // namespace capsule::test
