#include <algorithm>

#include "daemon/catalog/variables.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

struct Cell {
    Agent agent;
    const char* provider;
    Strings carriers;  ///< the variables that carry the key
};

const std::vector<Cell>& cells() {
    static const std::vector<Cell> all{{Agent::claude, "anthropic", {"ANTHROPIC_API_KEY"}},
                                       {Agent::claude, "zai", {"ANTHROPIC_AUTH_TOKEN"}},
                                       {Agent::claude, "minimax", {"ANTHROPIC_AUTH_TOKEN"}},
                                       {Agent::claude, "kimi", {"ANTHROPIC_AUTH_TOKEN"}},
                                       {Agent::codex, "openai", {"CODEX_API_KEY", "OPENAI_API_KEY"}},
                                       {Agent::codex, "minimax", {"MINIMAX_API_KEY"}},
                                       {Agent::opencode, "anthropic", {"ANTHROPIC_API_KEY"}},
                                       {Agent::opencode, "zai", {"ZAI_API_KEY"}},
                                       {Agent::opencode, "minimax", {"MINIMAX_API_KEY"}},
                                       {Agent::opencode, "kimi", {"KIMI_CODE_API_KEY"}}};
    return all;
}

std::string name_of_cell(const Cell& cell) {
    return std::string(id_of(cell.agent)) + " on " + cell.provider;
}

Session careless() {
    Session session;
    session.daemon_env.merge(every_secret());
    session.config.session.passthrough = {"*"};
    session.key = Secret("FAKE-the-selected-key-0001");
    return session;
}

TEST(LeastPrivilege, ExactlyTheSelectedKeyUnderTheNameThatTheAgentReads) {
    for (const Cell& cell : cells()) {
        Strings carriers;
        for (const auto& [name, variable] : careless().plan(cell.agent, cell.provider).env) {
            EXPECT_EQ(variable.reveal().find("FAKE-secret"), std::string_view::npos) << name_of_cell(cell) << name;
            if (variable.reveal() == "FAKE-the-selected-key-0001") {
                carriers.push_back(name);
                EXPECT_TRUE(variable.secret()) << name;
            }
        }
        EXPECT_EQ(carriers, cell.carriers) << name_of_cell(cell);
    }
}

TEST(Unset, IsEveryKeyAndRoutingVariableThatTheSessionHasNot) {
    for (const Cell& cell : cells()) {
        const Session session = careless();
        const Plan plan = session.plan(cell.agent, cell.provider);
        EXPECT_TRUE(std::ranges::is_sorted(plan.unset));
        EXPECT_EQ(std::ranges::adjacent_find(plan.unset), plan.unset.end());
        Strings expected(routing_variables().begin(), routing_variables().end());
        for (const Provider& provider : session.config.catalog.providers)
            expected.push_back(provider.key_env);
        for (const std::string& name : expected)
            EXPECT_NE(plan.env.contains(name), std::ranges::count(plan.unset, name) == 1)
                << name_of_cell(cell) << ": " << name;
        for (const std::string& name : plan.unset) {
            EXPECT_TRUE(is_variable_name(name)) << name;
            EXPECT_FALSE(plan.env.contains(name)) << name;
        }
    }
}

TEST(Unset, HasWhatEachProvidersRouteAddsToo) {
    Session session = careless();
    session.config.catalog.providers[4].cell(Agent::claude).env = {
        {"CLAUDE_CODE_MAX_OUTPUT_TOKENS", {"262144", "capsule.toml:5"}}};
    EXPECT_THAT(session.plan(Agent::claude, "zai").unset, ::testing::Contains("CLAUDE_CODE_MAX_OUTPUT_TOKENS"));
    EXPECT_THAT(session.plan(Agent::claude, "kimi").unset,
                ::testing::Not(::testing::Contains("CLAUDE_CODE_MAX_OUTPUT_TOKENS")));
}

}  // namespace
}  // namespace capsule::test
