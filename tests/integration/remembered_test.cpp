// Answers that are given again: never after what they were made from has changed, and never to somebody else. Each test
// makes sure that there is a remembered answer, changes something right before the next request, and looks at that.
#include <unistd.h>

#include <sstream>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

/// As programs do that do not write in place.
void replace(const fs::path& path, std::string_view text) {
    const fs::path beside = path.string() + ".new";
    write_file(beside, text);
    fs::rename(beside, path);
}

class Remembered : public CapsuleTest {
  protected:
    static constexpr const char* claude_zai = R"({"agent":"claude","provider":"zai"})";
    static constexpr const char* codex_minimax = R"({"agent":"codex","provider":"minimax"})";
    static constexpr const char* opencode_zai = R"({"agent":"opencode","provider":"zai"})";

    /// In a batch, which is always worked out.
    std::int64_t remembered() const {
        const json::value answers = parse(daemon().connect().ask("[" + request("1", "status") + "]"));
        return at(answers, "/0/result/requests/remembered").to_number<std::int64_t>();
    }

    /// Asks until an answer is given from memory, and gives it.
    json::value settle(const char* params) const {
        for (int i = 0; i < 10; ++i) {
            const std::int64_t before = remembered();
            json::value answer = call("spawn", params);
            if (remembered() == before + 1) return answer;
        }
        ADD_FAILURE() << "not remembered: " << params;
        return {};
    }

    json::value settle_with(const Environment& env, const char* params, const std::string& config = "") {
        start({.env = env, .config = config});
        return settle(params);
    }

    static std::string env_of(const json::value& plan, const std::string& name) {
        return text_at(plan, "/env/" + name);
    }

    static std::string action(const json::value& plan, const fs::path& path) {
        return text_at(find_by(at(plan, "/files"), "path", path.string()), "/action");
    }
};

TEST_F(Remembered, EveryAgentsSession) {
    start();
    for (const char* params : {claude_zai, codex_minimax, opencode_zai, R"({"agent":"claude","provider":"anthropic"})",
                               R"({"agent":"codex","provider":"openai"})", R"({"agent":"claude","provider":"kimi"})"}) {
        const json::value first = call("spawn", params);
        const json::value again = settle(params);
        EXPECT_EQ(at(again, "/env"), at(first, "/env")) << params;
        EXPECT_EQ(at(again, "/argv"), at(first, "/argv")) << params;
        EXPECT_EQ(at(again, "/unset"), at(first, "/unset")) << params;
    }
}

TEST_F(Remembered, EachRequestGetsItsOwnId) {
    start();
    settle(claude_zai);
    RawConnection connection = daemon().connect();
    for (const char* id : {"1", "2", "0", "18446744073709551615", "99999999999999999999999", R"("abc")", R"("a-b_c.1")",
                           R"("with space")", "1.5", "-7", "null", R"("")", "1e3"}) {
        const json::value answer = parse(connection.ask(request(id, "spawn", claude_zai)));
        EXPECT_TRUE(has(answer, "/result")) << id;
        const std::string text = connection.ask(request(id, "spawn", claude_zai));
        EXPECT_THAT(text, HasSubstr(std::string(R"("id":)") + id + ",")) << id;
    }
    EXPECT_THAT(connection.ask(request("01", "spawn", claude_zai)), HasSubstr("-32700"));
}

TEST_F(Remembered, AnIdWithinTheParamsIsNotTheRequests) {
    start({.config = "[session]\npassthrough = [\"id\"]\n"});
    const auto line = [](const char* inner, const char* id) {
        return std::string(
                   R"({"jsonrpc":"2.0","method":"spawn","params":{"agent":"claude","provider":"zai","env":{"id":)") +
               inner + R"(}},"id":)" + id + "}";
    };
    RawConnection connection = daemon().connect();
    for (const auto& [inner, id] :
         {std::pair{R"("a")", "1"}, {R"("a")", "1"}, {R"("b")", "1"}, {R"("b")", R"("b")"}, {R"("c")", R"("b")"}}) {
        const json::value answer = parse(connection.ask(line(inner, id)));
        EXPECT_EQ(at(answer, "/id"), parse(id));
        EXPECT_EQ(at(answer, "/result/env/id"), parse(inner));
    }
}

TEST_F(Remembered, AreCountedAndLoggedLikeOthers) {
    start();
    settle(claude_zai);
    const auto total = [&] { return at(call("status"), "/requests/total").to_number<std::int64_t>(); };
    const auto logged = [&] {
        std::istringstream lines(daemon().log());
        std::size_t count = 0;
        for (std::string line; std::getline(lines, line);)
            if (line.find(" spawn uid=" + std::to_string(::getuid()) + " ") != line.npos) ++count;
        return count;
    };
    const std::int64_t before = total();
    const std::size_t lines_before = logged();
    RawConnection connection = daemon().connect();
    for (int i = 0; i < 5; ++i) {
        connection.ask(request("1", "spawn", claude_zai));
        EXPECT_EQ(logged(), lines_before + static_cast<std::size_t>(i) + 1) << "before the answer is there";
    }
    EXPECT_EQ(total(), before + 6);
}

TEST_F(Remembered, StatusHasItsCountersOfTheMoment) {
    start();
    std::int64_t before = remembered();
    for (int i = 0; i < 100 && remembered() == before; ++i) {
        before = remembered();
        call("status");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the agents' versions are being found out
    }
    ASSERT_GT(remembered(), before);
    RawConnection connection = daemon().connect();
    const auto status = [&] { return at(parse(connection.ask(request("1", "status"))), "/result"); };
    json::value first = status();
    EXPECT_THAT(connection.ask(request("1", "spawn")), HasSubstr("-32602"));
    json::value second = status();
    EXPECT_GT(at(second, "/uptime_s").to_number<double>(), at(first, "/uptime_s").to_number<double>());
    for (const auto& [counter, more] : {std::pair{"total", 2}, {"errors", 1}, {"remembered", 1}}) {
        const std::string pointer = std::string("/requests/") + counter;
        EXPECT_EQ(at(second, pointer).to_number<int>(), at(first, pointer).to_number<int>() + more) << counter;
    }
    EXPECT_EQ(at(second, "/connections/open").to_number<int>(), 1);
    for (json::value* each : {&first, &second})
        for (const char* member : {"uptime_s", "requests", "connections"})
            each->as_object().erase(member);
    EXPECT_EQ(first, second);
}

TEST_F(Remembered, StatusSeesWhatChanges) {
    start({.env = with(all_keys(), {{"KIMI_CODE_API_KEY", ""}, {"KIMI_CODE_API_KEY_FILE", (dir_ / "kimi").string()}})});
    const auto state = [&] { return text_at(find_by(at(call("status"), "/providers"), "id", "kimi"), "/key/state"); };
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(state(), "error");
    write_file(dir_ / "kimi", "sk-ki-FAKE-in-a-file");
    EXPECT_EQ(state(), "present");
    agents_.remove("opencode");
    EXPECT_TRUE(at(find_by(at(call("status"), "/agents"), "id", "opencode"), "/binary").is_null());
    write_file(config_file(), "nonsense");
    call("status");
    daemon().connect().ask(request("1", "reload"));
    EXPECT_FALSE(at(call("status"), "/config/ok").as_bool());
}

TEST_F(Remembered, ANotificationGetsNoAnswer) {
    start();
    settle(claude_zai);
    RawConnection connection = daemon().connect();
    connection.send_line(R"({"jsonrpc":"2.0","method":"spawn","params":)" + std::string(claude_zai) + "}");
    EXPECT_THAT(connection.ask(request("7", "status")), HasSubstr(R"("id":7)"));
}

TEST_F(Remembered, PipelinesKeepTheirOrderWhateverIsKnown) {
    start();
    settle(claude_zai);
    settle(codex_minimax);
    RawConnection connection = daemon().connect();
    std::string all;
    constexpr int requests = 300;
    for (int i = 0; i < requests; ++i)
        all += request(std::to_string(i), i % 7 == 3 ? "status" : "spawn",
                       i % 7 == 3    ? "{}"
                       : i % 11 == 5 ? R"({"agent":"claude","provider":"nobody"})"
                       : i % 3 == 0  ? codex_minimax
                                     : claude_zai) +
               "\n";
    connection.send(all);
    for (int i = 0; i < requests; ++i) {
        const json::value answer = parse(connection.read_line().value());
        ASSERT_EQ(at(answer, "/id").to_number<int>(), i);
        EXPECT_EQ(has(answer, "/error"), i % 7 != 3 && i % 11 == 5);
    }
}

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

// ---- who asks ----

TEST_F(Remembered, NeverReachWhoMayNotAsk) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start();
    fs::permissions(dir_.path(), fs::perms{0755});
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    settle(claude_zai);
    const Outcome other = run_command(
        {.argv = {"/usr/bin/socat", "-", "UNIX-CONNECT:" + socket().string()}, .cwd = "/", .identity = nobody},
        request("1", "spawn", claude_zai) + "\n");
    EXPECT_THAT(other.out, HasSubstr("access.denied"));
    EXPECT_THAT(other.out, Not(HasSubstr(keys::mark)));
}

TEST_F(Remembered, ASessionThatLooksAtADirectoryIsWorkedOutAnew) {
    start();
    const std::string params = R"({"agent":"claude","provider":"zai","cwd":")" + home().string() + "\"}";
    const std::int64_t before = remembered();
    for (int i = 0; i < 4; ++i)
        call("spawn", params);
    EXPECT_EQ(remembered(), before);
}

}  // namespace
}  // namespace capsule::test
