// config.write, and in which home the files are.
#include "tests/integration/files_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

TEST_F(Files, ConfigWriteWritesAnAgentsFilesAndTakesThemAwayAgain) {
    start();
    write_file(codex("config.toml"), "# mine\n");
    const json::value written = call("config.write", R"({"agent":"codex"})");
    EXPECT_EQ(action(written, codex("config.toml")), "updated");
    EXPECT_EQ(text_at(find_by(at(written, "/files"), "path", codex("minimax.config.toml").string()), "/mode"), "0644");
    const json::value opencode_written = call("config.write", R"({"agent":"opencode"})");
    EXPECT_EQ(text_at(at(opencode_written, "/files/0"), "/mode"), "0644");
    EXPECT_THAT(at(call("config.write", R"({"agent":"claude"})"), "/files").as_array(), IsEmpty());
    stop();

    start({.env = {}});
    const json::value removed = call("config.write", R"({"agent":"codex"})");
    EXPECT_EQ(action(removed, codex("minimax.config.toml")), "removed");
    EXPECT_TRUE(at(find_by(at(removed, "/files"), "path", codex("minimax.config.toml").string()), "/mode").is_null());
    EXPECT_EQ(read_file(codex("config.toml")), "# mine\n");
    EXPECT_FALSE(fs::exists(codex("minimax.models.json")));
    call("config.write", R"({"agent":"opencode"})");
    EXPECT_FALSE(fs::exists(opencode())) << "nothing of the user's was in it";
}

TEST_F(Files, ThePathsFollowTheDaemonsOwnLocations) {
    const std::string elsewhere = (dir_ / "elsewhere").string();
    start({.env = with(all_keys(), {{"CODEX_HOME", elsewhere + "/codex"},
                                    {"XDG_CONFIG_HOME", elsewhere + "/xdg"},
                                    {"CLAUDE_CONFIG_DIR", elsewhere + "/claude"}})});
    fs::create_directories(elsewhere + "/codex");
    const json::value plan = spawn("codex", "minimax");
    EXPECT_EQ(text_at(plan, "/env/CODEX_HOME"), elsewhere + "/codex");
    EXPECT_EQ(action(plan, elsewhere + "/codex/config.toml"), "created");
    EXPECT_EQ(action(spawn("opencode", "zai"), elsewhere + "/xdg/opencode/opencode.json"), "created");
    EXPECT_EQ(text_at(spawn("claude", "zai"), "/env/CLAUDE_CONFIG_DIR"), elsewhere + "/claude");
    EXPECT_TRUE(fs::is_empty(home()));
}

}  // namespace
}  // namespace capsule::test
