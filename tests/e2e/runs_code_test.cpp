// What of a project OpenCode runs at its start, and that a session is told of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/e2e/cells.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule::e2e {

namespace {

using std::chrono::steady_clock;

class RunsCode : public testing::Test {
  protected:
    /// What leaves a file `ran` behind as soon as it is loaded.
    std::string leaves(const std::string& ran) const {
        return "require('fs').writeFileSync('" + (world.home() / ran).string() + "', '');\n";
    }
    std::string plugin_that_leaves(const std::string& ran) const {
        return leaves(ran) + "export default {id: '" + ran + "', tui: async () => {}};\n";
    }

    bool has_run(const std::string& ran) const { return fs::exists(world.home() / ran); }

    /// Whether `done` holds within the time that a start on a busy machine takes.
    template <class Done>
    static bool comes(Done done) {
        for (const auto end = steady_clock::now() + std::chrono::minutes(1); steady_clock::now() < end;) {
            if (done()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
        }
        return false;
    }

    /// What holds against a member of the project's file; "" for nothing. Fails where nothing is told of it.
    std::string held_by(const ExplainResult& plan, const std::string& path, const std::string& member) const {
        const auto found = std::ranges::find_if(plan.settings, [&](const FoundSetting& setting) {
            return setting.path == (world.repository() / path).string() && setting.member == member;
        });
        if (found == plan.settings.end()) ADD_FAILURE() << "nothing is told of " << path;
        return found == plan.settings.end() ? std::string() : found->neutralised_by.value_or("");
    }

    World world;
};

}  // namespace

TEST_F(RunsCode, AModuleThatOpenCodeLooksForAndThatIsTold) {
    test::write_file(world.repository() / "node_modules/esprima/index.js", leaves("module-ran"));
    world.start_daemon();
    EXPECT_EQ(held_by(world.explain("opencode", "zai"), "node_modules/esprima", "esprima"), "");
    const AgentRun run = world.run("opencode", "zai", one_shot("opencode", "[[say fine]]"));
    expect_printed(run, "fine");
    expect_route(run, cell("opencode", "zai"));
    EXPECT_TRUE(has_run("module-ran")) << "OpenCode runs it no longer: so nothing need be told of it";
    EXPECT_NE(run.err.find("node_modules/esprima has an effect on this session"), std::string::npos) << run.err;
}

TEST_F(RunsCode, PluginsOfItsScreenUnlessTheProjectIsIgnored) {
    test::write_file(world.repository() / "plugin.js", plugin_that_leaves("plugin-ran"));
    test::write_file(world.repository() / "other.js", plugin_that_leaves("other-ran"));
    test::write_file(world.repository() / "tui.json", R"({"plugin": ["./plugin.js"]})");
    test::write_file(world.repository() / "tui.jsonc", R"({"tui": {"plugin": ["./other.js"]},})");
    world.start_daemon("[session]\nproject_settings = \"ignore\"\n");
    const ExplainResult ignored = world.explain("opencode", "zai");
    EXPECT_EQ(held_by(ignored, "tui.json", "plugin"), "OPENCODE_DISABLE_PROJECT_CONFIG=1");
    EXPECT_EQ(held_by(ignored, "tui.jsonc", "tui.plugin"), "OPENCODE_DISABLE_PROJECT_CONFIG=1");
    {
        const auto terminal = world.open_terminal("opencode", "zai");
        EXPECT_TRUE(comes([&] { return terminal->screen().find("Ask anything") != std::string::npos; }));
    }
    EXPECT_FALSE(has_run("plugin-ran") || has_run("other-ran"));
    world.start_daemon();
    const ExplainResult plan = world.explain("opencode", "zai");
    EXPECT_EQ(held_by(plan, "tui.json", "plugin"), "");
    EXPECT_EQ(held_by(plan, "tui.jsonc", "tui.plugin"), "");
    const auto terminal = world.open_terminal("opencode", "zai");
    EXPECT_TRUE(comes([&] { return has_run("plugin-ran") && has_run("other-ran"); })) << terminal->screen();
}

}  // namespace capsule::e2e
