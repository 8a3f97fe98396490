// capsulectl exec becomes the agent, with exactly the environment.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/exec_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

TEST_F(Exec, BecomesTheAgentWithExactlyTheAnswersEnvironment) {
    start();
    const Outcome outcome = run_command(exec({"claude", "--provider", "zai", "--", "-p", "hi", "--provider", "x"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const SeenStart seen = FakeAgents::parse(outcome.out);
    // capsulectl names its directory, which is below /tmp.
    const json::value plan =
        call("spawn", R"({"agent":"claude","provider":"zai","cwd":")" + dir_.path().string() + "\"}");
    std::vector<std::string> expected = strings(at(plan, "/argv"));
    expected.erase(expected.begin());
    for (const char* argument : {"-p", "hi", "--provider", "x"})
        expected.emplace_back(argument);
    EXPECT_EQ(seen.argv, expected);
    const Environment answered = string_map(at(plan, "/env"));
    EXPECT_EQ(seen.env, answered) << "and so nothing of the launcher's, but for the terminal's own, which is the same";
    EXPECT_EQ(seen.env.at("ANTHROPIC_AUTH_TOKEN"), keys::zai);
}

TEST_F(Exec, HoldsTheSelectedKeyOnceAndNoOtherSecret) {
    start();
    struct Cell {
        const char *agent, *provider;
        std::string_view key;
        std::size_t times;
    };
    for (const Cell& cell : {Cell{"claude", "zai", keys::zai, 1}, Cell{"claude", "anthropic", keys::oauth, 1},
                             Cell{"codex", "minimax", keys::minimax, 1}, Cell{"codex", "openai", keys::openai, 2},
                             Cell{"opencode", "kimi", keys::kimi, 1}}) {
        Program program = exec({cell.agent, "--provider", cell.provider});
        program.cwd = open_project();
        const Outcome outcome = run_command(program);
        ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
        std::size_t of_the_cell = 0;
        for (const auto& [name, value] : FakeAgents::parse(outcome.out).env) {
            of_the_cell += value == cell.key;
            EXPECT_TRUE(value == cell.key || value.find(keys::mark) == std::string::npos) << cell.agent << " " << name;
        }
        EXPECT_EQ(of_the_cell, cell.times) << cell.agent << " on " << cell.provider;
    }
}

TEST_F(Exec, TheRoutesArgumentsComeBeforeTheUsers) {
    start();
    Program program = exec({"opencode", "--provider", "zai", "--", "run", "hello"});
    program.cwd = open_project();
    const SeenStart seen = FakeAgents::parse(run_command(program).out);
    EXPECT_THAT(seen.argv, ElementsAre("-m", "zai/glm-5.3", "run", "hello"));
}

TEST_F(Exec, PassesTheAgentsExitStatusOn) {
    start();
    EXPECT_EQ(run_command(exec({"claude", "--provider", "zai", "--", "exit-42"})).exit_code, 42);
}

TEST_F(Exec, PassesTheLaunchersTerminalVariablesOn) {
    start();
    Program program = exec({"claude", "--provider", "zai"});
    program.env["COLORTERM"] = "truecolor";
    const SeenStart seen = FakeAgents::parse(run_command(program).out);
    EXPECT_EQ(seen.env.at("COLORTERM"), "truecolor");
}

TEST_F(Exec, StartsInTheDirectoryThatItNamesToTheDaemon) {
    start();
    write_file(agents_.bin() / "claude", "#!/bin/sh\n/bin/pwd\n");
    fs::create_directory(dir_ / "project");
    for (const fs::path& named : {dir_ / "project", fs::path("project")}) {
        Program program = exec({"claude", "--provider", "zai", "--cwd", named});
        program.cwd = dir_.path();
        EXPECT_EQ(run_command(program).out, (dir_ / "project").string() + "\n") << named;
    }
}

TEST_F(Exec, StartsInADirectoryWhoseNameIsNoUtf8) {
    start();
    write_file(agents_.bin() / "claude", "#!/bin/sh\n/bin/pwd\necho \"$1\"\n");
    Program program = exec({"claude", "--provider", "zai", "--", "caf\xe9"});
    program.cwd = dir_ / "caf\xe9";
    fs::create_directory(program.cwd);
    const Outcome outcome = run_command(program);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, ::testing::StartsWith(program.cwd.string() + "\n"));
    EXPECT_THAT(outcome.err, HasSubstr("the directory was not named to the daemon"));
}

TEST_F(Exec, AMissingAgentIsAFailureWithAReason) {
    start();
    agents_.remove("claude");
    const Outcome outcome = run_command(exec({"claude", "--provider", "zai"}));
    EXPECT_EQ(outcome.exit_code, 1);
    const std::string said = "is not installed";
    const std::size_t first = outcome.err.find("claude " + said);
    ASSERT_NE(first, std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find(said), outcome.err.rfind(said)) << "it is said once: " << outcome.err;
}

TEST_F(Exec, NeverFallsBackToAnotherAccount) {
    start({.env = {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}}});
    const Outcome outcome = run_command(exec({"claude", "--provider", "zai", "--", "-p", "hi"}));
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, HasSubstr("ZAI_API_KEY"));
}

}  // namespace
}  // namespace capsule::test
