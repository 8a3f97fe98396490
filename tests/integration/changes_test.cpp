// What has changed is seen by the very next request: a key, a file in the home, a setting, an agent. Each test asks,
// changes something, and asks again at once.
#include <sstream>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;

/// As programs do that do not write in place.
void replace(const fs::path& path, std::string_view text) {
    const fs::path beside = path.string() + ".new";
    write_file(beside, text);
    fs::rename(beside, path);
}

class Changes : public CapsuleTest {
  protected:
    static constexpr const char* claude_zai = R"({"agent":"claude","provider":"zai"})";
    static constexpr const char* codex_minimax = R"({"agent":"codex","provider":"minimax"})";
    static constexpr const char* opencode_zai = R"({"agent":"opencode","provider":"zai"})";

    json::value spawn(const char* params) const { return call("spawn", params); }

    json::value spawn_with(const Environment& env, const char* params, const std::string& config = "") {
        start({.env = env, .config = config});
        return spawn(params);
    }

    static std::string env_of(const json::value& plan, const std::string& name) {
        return text_at(plan, "/env/" + name);
    }

    static std::string action(const json::value& plan, const fs::path& path) {
        return text_at(find_by(at(plan, "/files"), "path", path.string()), "/action");
    }
};

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- keys ----

TEST_F(Changes, ARotatedKeyFileCountsAtOnce) {
    Environment env = all_keys();
    env.erase("ZAI_API_KEY");
    env["ZAI_API_KEY_FILE"] = (dir_ / "zai-key").string();
    write_file(dir_ / "zai-key", "FAKE-key-in-a-file-1\n");
    EXPECT_EQ(env_of(spawn_with(env, claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-1");
    write_file(dir_ / "zai-key", "FAKE-key-in-a-file-2\n");
    EXPECT_EQ(env_of(spawn(claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-2") << "in place";
    spawn(claude_zai);
    replace(dir_ / "zai-key", "FAKE-key-in-a-file-3\n");
    EXPECT_EQ(env_of(spawn(claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-3") << "renamed over";
    spawn(claude_zai);
    fs::remove(dir_ / "zai-key");
    EXPECT_THAT(expect_error("spawn", claude_zai, -32006, "key.error"), HasSubstr("zai-key"));
    write_file(dir_ / "zai-key", "FAKE-key-in-a-file-4\n");
    EXPECT_EQ(env_of(spawn(claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-4") << "there again";
}

// Kubernetes mounts a directory whose files are links through "..data", which is swapped for another directory.
TEST_F(Changes, ASwappedDirectoryOfSecretsCountsAtOnce) {
    Environment env = all_keys();
    env.erase("ZAI_API_KEY");
    const fs::path mount = dir_ / "secrets";
    fs::create_directories(mount / "..v1");
    fs::create_directories(mount / "..v2");
    write_file(mount / "..v1/ZAI_API_KEY", "FAKE-key-version-1");
    write_file(mount / "..v2/ZAI_API_KEY", "FAKE-key-version-2");
    fs::create_symlink("..v1", mount / "..data");
    fs::create_symlink("..data/ZAI_API_KEY", mount / "ZAI_API_KEY");
    env["CREDENTIALS_DIRECTORY"] = mount.string();
    EXPECT_EQ(env_of(spawn_with(env, claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-version-1");
    fs::create_symlink("..v2", mount / "..data_tmp");
    fs::rename(mount / "..data_tmp", mount / "..data");
    EXPECT_EQ(env_of(spawn(claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-version-2");
}

TEST_F(Changes, RotationIsSeenEveryTime) {
    Environment env = all_keys();
    env.erase("ZAI_API_KEY");
    env["ZAI_API_KEY_FILE"] = (dir_ / "zai-key").string();
    write_file(dir_ / "zai-key", "FAKE-key-0");
    spawn_with(env, claude_zai);
    RawConnection writer = daemon().connect();
    RawConnection other = daemon().connect();
    for (int i = 1; i <= 300; ++i) {
        const std::string key = "FAKE-key-" + std::to_string(i);
        if (i % 2 == 0)
            replace(dir_ / "zai-key", key);
        else
            write_file(dir_ / "zai-key", key);
        for (RawConnection* connection : {&writer, &other, &writer})
            ASSERT_EQ(env_of(at(parse(connection->ask(request("1", "spawn", claude_zai))), "/result"),
                             "ANTHROPIC_AUTH_TOKEN"),
                      key);
    }
}

TEST_F(Changes, AStoredKeyCountsAtOnce) {
    start();
    spawn(claude_zai);
    call("auth.set", R"({"provider":"zai","value":"FAKE-key-that-was-stored"})");
    EXPECT_EQ(env_of(spawn(claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-that-was-stored");
    spawn(claude_zai);
    call("auth.unset", R"({"provider":"zai"})");
    EXPECT_EQ(env_of(spawn(claude_zai), "ANTHROPIC_AUTH_TOKEN"), keys::zai);
}

TEST_F(Changes, AReloadCountsAtOnce) {
    spawn_with(all_keys(), claude_zai);
    write_file(config_file(), "[claude.providers.zai]\nmodel = \"glm-9\"\n");
    EXPECT_EQ(text_at(spawn(claude_zai), "/model"), "glm-5.3") << "not before it is loaded";
    call("reload");
    EXPECT_EQ(text_at(spawn(claude_zai), "/model"), "glm-9");
}

// ---- files ----

TEST_F(Changes, ChangedAndDeletedFilesAreWrittenAgain) {
    spawn_with(all_keys(), codex_minimax);
    const fs::path config = home() / ".codex/config.toml";
    const fs::path models = home() / ".codex/minimax.models.json";
    const std::string text = read_file(config);
    write_file(config, "# somebody's own\n");
    EXPECT_EQ(action(spawn(codex_minimax), config), "updated");
    EXPECT_THAT(read_file(config), HasSubstr("# somebody's own\n"));
    spawn(codex_minimax);
    fs::remove(config);
    EXPECT_EQ(action(spawn(codex_minimax), config), "created");
    EXPECT_EQ(read_file(config), text);
    spawn(codex_minimax);
    replace(models, "{}");
    EXPECT_EQ(action(spawn(codex_minimax), models), "updated");
    spawn(codex_minimax);
    fs::rename(home() / ".codex", home() / "elsewhere");
    EXPECT_EQ(action(spawn(codex_minimax), config), "created");
    EXPECT_TRUE(fs::exists(models));
}

TEST_F(Changes, AChangeThroughAnotherNameOfTheFileCounts) {
    spawn_with(all_keys(), opencode_zai);
    const fs::path file = home() / ".config/opencode/opencode.json";
    fs::create_hard_link(file, dir_ / "the-same");
    spawn(opencode_zai);
    write_file(dir_ / "the-same", R"({"theme":"mine"})");
    EXPECT_EQ(action(spawn(opencode_zai), file), "updated");
    EXPECT_THAT(read_file(file), HasSubstr(R"("theme":"mine")"));
}

TEST_F(Changes, AModeThatShowsKeysIsMendedAtOnce) {
    spawn_with(all_keys(), opencode_zai, "[opencode]\napi_key = \"inline\"\n");
    const fs::path file = home() / ".config/opencode/opencode.json";
    ASSERT_EQ(mode_of(file), 0600U);
    fs::permissions(file, fs::perms{0644});
    spawn(opencode_zai);
    EXPECT_EQ(mode_of(file), 0600U);
}

TEST_F(Changes, WhatTheHomeGainsCountsAtOnce) {
    spawn_with(all_keys(), codex_minimax);
    write_file(home() / ".codex/.env", "MINIMAX_API_KEY=FAKE-somebody-elses\n");
    EXPECT_THAT(expect_error("spawn", codex_minimax, -32007, "config.conflict"), HasSubstr(".env"));
    fs::remove(home() / ".codex/.env");
    const char* openai = R"({"agent":"codex","provider":"openai"})";
    EXPECT_EQ(env_of(spawn(openai), "CODEX_API_KEY"), keys::openai);
    write_file(home() / ".codex/auth.json", "{}");
    EXPECT_FALSE(has(spawn(openai), "/env/CODEX_API_KEY"));
}

// ---- agents ----

TEST_F(Changes, AReplacedCodexIsAskedAnew) {
    spawn_with(all_keys(), codex_minimax);
    const std::size_t runs = agents_.codex_models_runs();
    replace(agents_.bin() / "codex", read_file(agents_.bin() / "codex") + "# another version\n");
    fs::permissions(agents_.bin() / "codex", fs::perms{0755});
    spawn(codex_minimax);
    EXPECT_GT(agents_.codex_models_runs(), runs);
}

TEST_F(Changes, AnAgentThatGoesIsMissedAtOnce) {
    EXPECT_THAT(codes(at(spawn_with(all_keys(), claude_zai), "/warnings")), Not(Contains("agent.missing")));
    agents_.remove("claude");
    EXPECT_THAT(codes(at(spawn(claude_zai), "/warnings")), Contains("agent.missing"));
}

}  // namespace
}  // namespace capsule::test
