// Remembered answers are never given after what they were made from has changed: each test changes something right
// before the next request, and looks at that.
#include "tests/integration/remembered_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- keys ----

TEST_F(Remembered, ARotatedKeyFileCountsAtOnce) {
    Environment env = all_keys();
    env.erase("ZAI_API_KEY");
    env["ZAI_API_KEY_FILE"] = (dir_ / "zai-key").string();
    write_file(dir_ / "zai-key", "FAKE-key-in-a-file-1\n");
    EXPECT_EQ(env_of(settle_with(env, claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-1");
    write_file(dir_ / "zai-key", "FAKE-key-in-a-file-2\n");
    EXPECT_EQ(env_of(call("spawn", claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-2") << "in place";
    settle(claude_zai);
    replace(dir_ / "zai-key", "FAKE-key-in-a-file-3\n");
    EXPECT_EQ(env_of(call("spawn", claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-3") << "renamed over";
    settle(claude_zai);
    fs::remove(dir_ / "zai-key");
    EXPECT_THAT(expect_error("spawn", claude_zai, -32006, "key.error"), HasSubstr("zai-key"));
    write_file(dir_ / "zai-key", "FAKE-key-in-a-file-4\n");
    EXPECT_EQ(env_of(call("spawn", claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-in-a-file-4") << "there again";
}

// Kubernetes mounts a directory whose files are links through "..data", which is swapped for another directory.
TEST_F(Remembered, ASwappedDirectoryOfSecretsCountsAtOnce) {
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
    EXPECT_EQ(env_of(settle_with(env, claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-version-1");
    fs::create_symlink("..v2", mount / "..data_tmp");
    fs::rename(mount / "..data_tmp", mount / "..data");
    EXPECT_EQ(env_of(call("spawn", claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-version-2");
}

TEST_F(Remembered, RotationIsSeenEveryTime) {
    Environment env = all_keys();
    env.erase("ZAI_API_KEY");
    env["ZAI_API_KEY_FILE"] = (dir_ / "zai-key").string();
    write_file(dir_ / "zai-key", "FAKE-key-0");
    settle_with(env, claude_zai);
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

TEST_F(Remembered, AStoredKeyCountsAtOnce) {
    start();
    settle(claude_zai);
    call("auth.set", R"({"provider":"zai","value":"FAKE-key-that-was-stored"})");
    EXPECT_EQ(env_of(call("spawn", claude_zai), "ANTHROPIC_AUTH_TOKEN"), "FAKE-key-that-was-stored");
    settle(claude_zai);
    call("auth.unset", R"({"provider":"zai"})");
    EXPECT_EQ(env_of(call("spawn", claude_zai), "ANTHROPIC_AUTH_TOKEN"), keys::zai);
}

TEST_F(Remembered, AReloadCountsAtOnce) {
    settle_with(all_keys(), claude_zai);
    write_file(config_file(), "[claude.providers.zai]\nmodel = \"glm-9\"\n");
    EXPECT_EQ(text_at(call("spawn", claude_zai), "/model"), "glm-5.1") << "not before it is loaded";
    call("reload");
    EXPECT_EQ(text_at(call("spawn", claude_zai), "/model"), "glm-9");
}

TEST_F(Remembered, AKeyThatChangedIsForgottenThoughNobodyAsks) {
    if (!am_root()) GTEST_SKIP() << "needs root to look into the daemon";
    Environment env = all_keys();
    env.erase("ZAI_API_KEY");
    env["ZAI_API_KEY_FILE"] = (dir_ / "zai-key").string();
    write_file(dir_ / "zai-key", "FAKE-key-to-be-forgotten");
    settle_with(env, claude_zai);
    if (!memory_is_the_daemons_own) return;
    const auto found = [&] {
        bool seen = false;
        each_writable_mapping(daemon().pid(), [&](std::string_view bytes, const std::string&) {
            seen = seen || bytes.find("FAKE-key-to-be-forgotten") != bytes.npos;
        });
        return seen;
    };
    // The agents' versions may still be found out, which is a change, too.
    EXPECT_TRUE(eventually([&] {
        settle(claude_zai);
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        return found();
    }));
    write_file(dir_ / "zai-key", "FAKE-key-that-is-new");
    EXPECT_TRUE(eventually([&] { return !found(); }));
}

TEST_F(Remembered, WhatHappensBesideDoesNotKeepAnIdleDaemonAwake) {
    start();
    settle(claude_zai);
    const auto switches = [&] { return std::stol(status_field(daemon().pid(), "voluntary_ctxt_switches")); };
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const long before = switches();
    for (int i = 0; i < 100; ++i) {
        write_file(home() / "beside", std::to_string(i));
        fs::remove(home() / "beside");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_LT(switches() - before, 30);
    EXPECT_EQ(env_of(settle(claude_zai), "ANTHROPIC_AUTH_TOKEN"), keys::zai);
}

// ---- files ----

TEST_F(Remembered, ChangedAndDeletedFilesAreWrittenAgain) {
    settle_with(all_keys(), codex_minimax);
    const fs::path config = home() / ".codex/config.toml";
    const fs::path models = home() / ".codex/minimax.models.json";
    const std::string text = read_file(config);
    write_file(config, "# somebody's own\n");
    EXPECT_EQ(action(call("spawn", codex_minimax), config), "updated");
    EXPECT_THAT(read_file(config), HasSubstr("# somebody's own\n"));
    settle(codex_minimax);
    fs::remove(config);
    EXPECT_EQ(action(call("spawn", codex_minimax), config), "created");
    EXPECT_EQ(read_file(config), text);
    settle(codex_minimax);
    replace(models, "{}");
    EXPECT_EQ(action(call("spawn", codex_minimax), models), "updated");
    settle(codex_minimax);
    fs::rename(home() / ".codex", home() / "elsewhere");
    EXPECT_EQ(action(call("spawn", codex_minimax), config), "created");
    EXPECT_TRUE(fs::exists(models));
}

TEST_F(Remembered, AChangeThroughAnotherNameOfTheFileCounts) {
    settle_with(all_keys(), opencode_zai);
    const fs::path file = home() / ".config/opencode/opencode.json";
    fs::create_hard_link(file, dir_ / "the-same");
    settle(opencode_zai);
    write_file(dir_ / "the-same", R"({"theme":"mine"})");
    EXPECT_EQ(action(call("spawn", opencode_zai), file), "updated");
    EXPECT_THAT(read_file(file), HasSubstr(R"("theme":"mine")"));
}

TEST_F(Remembered, AModeThatShowsKeysIsMendedAtOnce) {
    settle_with(all_keys(), opencode_zai);
    const fs::path file = home() / ".config/opencode/opencode.json";
    ASSERT_EQ(mode_of(file), 0600U);
    fs::permissions(file, fs::perms{0644});
    call("spawn", opencode_zai);
    EXPECT_EQ(mode_of(file), 0600U);
}

TEST_F(Remembered, WhatTheHomeGainsCountsAtOnce) {
    settle_with(all_keys(), codex_minimax);
    write_file(home() / ".codex/.env", "MINIMAX_API_KEY=FAKE-somebody-elses\n");
    EXPECT_THAT(expect_error("spawn", codex_minimax, -32007, "config.conflict"), HasSubstr(".env"));
    fs::remove(home() / ".codex/.env");
    const char* openai = R"({"agent":"codex","provider":"openai"})";
    EXPECT_EQ(env_of(settle(openai), "CODEX_API_KEY"), keys::openai);
    write_file(home() / ".codex/auth.json", "{}");
    EXPECT_FALSE(has(call("spawn", openai), "/env/CODEX_API_KEY"));
}

// ---- agents ----

TEST_F(Remembered, AReplacedCodexIsAskedAnew) {
    settle_with(all_keys(), codex_minimax);
    const std::size_t runs = agents_.codex_models_runs();
    replace(agents_.bin() / "codex", read_file(agents_.bin() / "codex") + "# another version\n");
    fs::permissions(agents_.bin() / "codex", fs::perms{0755});
    call("spawn", codex_minimax);
    EXPECT_GT(agents_.codex_models_runs(), runs);
}

TEST_F(Remembered, AnAgentThatGoesIsMissedAtOnce) {
    EXPECT_THAT(codes(at(settle_with(all_keys(), claude_zai), "/warnings")), Not(Contains("agent.missing")));
    agents_.remove("claude");
    EXPECT_THAT(codes(at(call("spawn", claude_zai), "/warnings")), Contains("agent.missing"));
}

}  // namespace
}  // namespace capsule::test
