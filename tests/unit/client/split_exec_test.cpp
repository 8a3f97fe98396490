#include <gtest/gtest.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/commands/command_table.hpp"
#include "client/commands/split_exec.hpp"
#include "tests/unit/client/run_here.hpp"

namespace capsule {
namespace {

using test::Words;

class Split : public testing::Test {
  protected:
    Split() { add_commands(app_, invocation_); }
    void expect(const Words& words, const Words& own, const Words& agents) {
        const auto split = split_exec(words, app_);
        EXPECT_EQ(split.own, own);
        EXPECT_EQ(split.agent_arguments, agents);
    }
    Invocation invocation_;
    CLI::App app_;
};

TEST_F(Split, LeavesOtherCommandsAlone) {
    expect({"spawn", "claude", "--", "x"}, {"spawn", "claude", "--", "x"}, {});
    expect({"--socket", "exec", "status"}, {"--socket", "exec", "status"}, {});
    expect({}, {}, {});
}

TEST_F(Split, TakesForTheAgentsOnlyWhatFollowsTheSeparator) {
    expect({"exec", "claude"}, {"exec", "claude"}, {});
    expect({"exec", "claude", "-p", "hi"}, {"exec", "claude", "-p", "hi"}, {});
    expect({"exec", "claude", "--provider", "zai", "--", "--model", "x"}, {"exec", "claude", "--provider", "zai"},
           {"--model", "x"});
    expect({"--socket", "/s", "exec", "claude", "--"}, {"--socket", "/s", "exec", "claude"}, {});
    expect({"--socket=/s", "--json", "exec", "--", "-p"}, {"--socket=/s", "--json", "exec"}, {"-p"});
    expect({"exec", "claude", "--", "--", "x"}, {"exec", "claude"}, {"--", "x"});
    expect({"as-agent", "--", "/bin/bash", "-l"}, {"as-agent"}, {"/bin/bash", "-l"});
}

}  // namespace
}  // namespace capsule
