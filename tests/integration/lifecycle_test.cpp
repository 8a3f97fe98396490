// Start, reload, stop; the socket; the command line.
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

class Lifecycle : public CapsuleTest {
  protected:
    /// Runs capsuled to its end.
    Outcome capsuled(std::vector<std::string> arguments, const Environment& more = {}) const {
        fs::create_directories(home());
        arguments.insert(arguments.begin(), CAPSULED_BINARY);
        return run_command({.argv = std::move(arguments), .env = with(base_env(), more)});
    }

    /// Waits until status' config is as wanted.
    json::value config_when_ok_is(bool ok) const {
        for (int i = 0; i < 500; ++i) {
            const json::value config = at(call("status"), "/config");
            if (at(config, "/ok").as_bool() == ok) return config;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        throw std::runtime_error("status never said so: " + json::serialize(call("status")));
    }
};

constexpr std::string_view kimi_by_default = "[claude]\nprovider = \"kimi\"\n";

TEST_F(Lifecycle, AReloadTakesTheNewConfiguration) {
    start();
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude"})"), "/provider"), "anthropic");
    write_file(config_file(), kimi_by_default);
    const json::value config = call("reload");
    EXPECT_TRUE(at(config, "/ok").as_bool());
    EXPECT_EQ(text_at(config, "/path"), config_file().string());
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude"})"), "/provider"), "kimi") << "the very next spawn";
}

TEST_F(Lifecycle, AReloadThatFailsKeepsTheOldConfigurationAndSaysSo) {
    start({.config = std::string(kimi_by_default)});
    for (const char* broken : {"[claude]\nprovder = \"zai\"\n", "[agents.claude\n", "[claude]\nprovider = 7\n",
                               "[claude]\nprovider = \"nobody\"\n", "[.]\n"}) {
        write_file(config_file(), broken);
        const std::string said = expect_error("reload", "{}", -32007, "config.conflict");
        EXPECT_THAT(said, HasSubstr("capsule.toml:")) << broken;
        const json::value config = at(call("status"), "/config");
        EXPECT_FALSE(at(config, "/ok").as_bool());
        EXPECT_THAT(text_at(config, "/error"), HasSubstr("capsule.toml:"));
        EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude"})"), "/provider"), "kimi");
    }
    write_file(config_file(), "");
    call("reload");
    EXPECT_TRUE(at(call("status"), "/config/ok").as_bool());
    EXPECT_TRUE(at(call("status"), "/config/error").is_null());
}

TEST_F(Lifecycle, ConfigurationErrorsShowPlaceLineAndTheNearestName) {
    start();
    write_file(config_file(), "# a comment\n[claude]\nprovder = \"zai\"\n");
    EXPECT_THAT(expect_error("reload", "{}", -32007, "config.conflict"),
                AllOf(HasSubstr("capsule.toml:3:1"), HasSubstr("provder = \"zai\""), HasSubstr("provider")));
}

TEST_F(Lifecycle, SighupReloads) {
    start();
    write_file(config_file(), "nonsense = 1\n");
    daemon().signal(SIGHUP);
    EXPECT_THAT(text_at(config_when_ok_is(false), "/error"), HasSubstr("nonsense"));
    write_file(config_file(), kimi_by_default);
    daemon().signal(SIGHUP);
    config_when_ok_is(true);
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude"})"), "/provider"), "kimi");
}

TEST_F(Lifecycle, SigtermAnswersWhatWasReceivedThenRemovesTheSocketAndExits) {
    agents_.delay_codex_models(std::chrono::seconds(1));
    start();
    RawConnection connection = daemon().connect();
    std::string pipeline = request("0", "spawn", R"({"agent":"codex","provider":"minimax"})") + "\n";
    for (int i = 1; i < 200; ++i)
        pipeline += request(std::to_string(i), "status") + "\n";
    connection.send(pipeline);  // all in the socket's buffer before the signal
    const auto begin = std::chrono::steady_clock::now();
    daemon().signal(SIGTERM);
    const std::vector<std::string> answers = connection.read_to_end();
    ASSERT_EQ(answers.size(), 200U);
    for (std::size_t i = 0; i < answers.size(); ++i)
        EXPECT_EQ(at(parse(answers[i]), "/id").to_number<std::size_t>(), i);
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_FALSE(fs::exists(socket()));
}

// As its agent's end does: the launcher that one script has started with the daemon stops the script's whole group.
TEST_F(Lifecycle, IsNotStoppedWithTheGroupThatItIsIn) {
    start();
    ASSERT_NE(getpgid(daemon().pid()), daemon().pid());
    for (const int stop : {SIGTSTP, SIGTTOU, SIGTTIN})
        daemon().signal(stop);
    expect_alive();
}

TEST_F(Lifecycle, SigtermDoesNotWaitForIdleOrHalfSentClients) {
    start();
    RawConnection idle = daemon().connect();
    RawConnection half = daemon().connect();
    half.send("{\"jsonrpc\":");
    expect_alive();
    const auto begin = std::chrono::steady_clock::now();
    stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3))
        << "it gives clients that are answered four";
}

TEST_F(Lifecycle, ALookForAVersionLeavesNothingBehindWhenItIsStopped) {
    const fs::path temporary = dir_ / "temporary", asked = dir_ / "asked";
    fs::create_directory(temporary);
    write_file(agents_.bin() / "claude",
               "#!/bin/sh\nmkdir -p \"$HOME/a/b\"; touch " + asked.string() + "; sleep 600\n");
    start({.env = {{"TMPDIR", temporary.string()}}});
    call("status");
    for (int i = 0; i < 1000 && !fs::exists(asked); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_FALSE(fs::is_empty(temporary)) << daemon().log();
    daemon().signal(SIGTERM);
    EXPECT_EQ(daemon().wait(), 0);
    EXPECT_TRUE(fs::is_empty(temporary)) << daemon().log();
    EXPECT_THAT(daemon().log(), Not(HasSubstr("version_unknown")));
}

TEST_F(Lifecycle, SigintStopsItToo) {
    start();
    daemon().signal(SIGINT);
    EXPECT_EQ(daemon().wait(), 0);
    EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(Lifecycle, AStaleSocketIsTakenOverALiveOneNever) {
    start();
    daemon().signal(SIGKILL);
    EXPECT_EQ(daemon().wait(), 128 + SIGKILL);
    ASSERT_TRUE(fs::exists(socket())) << "left behind";
    start();
    expect_alive();

    const Outcome second = capsuled({"--config", config_file(), "--socket", socket()});
    EXPECT_EQ(second.exit_code, 1) << second.err;
    EXPECT_THAT(second.err, HasSubstr(socket().string()));
    expect_alive();
}

TEST_F(Lifecycle, AStateDirectoryIsOneDaemonsAtATime) {
    start();
    const std::vector<std::string> another{"--config", config_file(), "--socket", dir_ / "other/capsule.sock"};
    const Outcome second = capsuled(another);
    EXPECT_EQ(second.exit_code, 1) << second.err;
    EXPECT_THAT(second.err, AllOf(HasSubstr((dir_ / "state").string()), HasSubstr("STATE_DIRECTORY")));
    EXPECT_FALSE(fs::exists(dir_ / "other/capsule.sock"));
    expect_alive();
    daemon().signal(SIGKILL);
    daemon().wait();
    start();
    expect_alive();
}

TEST_F(Lifecycle, OneThatIsStillEndingIsWaitedFor) {
    agents_.delay_codex_models(std::chrono::seconds(2));
    start();
    const std::unique_ptr<Daemon> first = std::move(daemon_);
    RawConnection connection = first->connect();
    connection.send(request("0", "spawn", R"({"agent":"codex","provider":"minimax"})") + "\n");
    while (fs::exists(socket())) {
        first->signal(SIGTERM);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    start();
    expect_alive();
    EXPECT_EQ(connection.read_to_end().size(), 1U);
    EXPECT_EQ(first->wait(), 0) << first->log();
}

TEST_F(Lifecycle, AStateDirectoryIsMadeWhenSomethingIsKeptAndThenLocked) {
    fs::create_directories(home());
    const auto one = [&](const char* name) {
        return std::make_unique<Daemon>(Daemon::Options{.socket = dir_ / name / "capsule.sock",
                                                        .log = dir_ / (std::string(name) + ".log"),
                                                        .arguments = {"--socket", dir_ / name / "capsule.sock"},
                                                        .env = base_env()});
    };
    daemon_ = one("first");
    const auto second = one("second");
    EXPECT_FALSE(fs::exists(dir_ / "state"));
    call("auth.set", R"({"provider":"zai","value":"FAKE-zai-key-0001"})");
    const std::string refused =
        second->connect().ask(request("1", "auth.set", R"({"provider":"zai","value":"FAKE-zai-key-0002"})"));
    EXPECT_THAT(refused, AllOf(HasSubstr("another capsuled"), HasSubstr((dir_ / "state").string())));
    EXPECT_THAT(read_file(dir_ / "state/auth.toml"), HasSubstr("FAKE-zai-key-0001"));
    EXPECT_EQ(second->stop(), 0);
    EXPECT_EQ(daemon_->stop(), 0);
    daemon_.reset();
}

TEST_F(Lifecycle, WhatIsNoSocketIsNotRemoved) {
    write_file(socket(), "precious");
    EXPECT_NE(capsuled({"--socket", socket()}).exit_code, 0);
    EXPECT_EQ(read_file(socket()), "precious");
}

TEST_F(Lifecycle, TheSocketIsForItsOwnerAndGroupOnly) {
    start();
    EXPECT_EQ(mode_of(socket()), 0660U);
    EXPECT_EQ(mode_of(socket().parent_path()), 0710U);
}

TEST_F(Lifecycle, ItDoesNotStartOnABrokenConfiguration) {
    write_file(config_file(), "[daemon]\nsokcet = \"/x\"\n");
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--check-config"}}) {
        std::vector<std::string> arguments{"--config", config_file(), "--socket", socket()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const Outcome outcome = capsuled(arguments);
        EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
        EXPECT_THAT(outcome.out + outcome.err,
                    AllOf(HasSubstr("capsule.toml:2:1"), HasSubstr("sokcet = \"/x\""), HasSubstr("socket")));
    }
    EXPECT_NE(capsuled({"--config", dir_ / "none.toml", "--check-config"}).exit_code, 0) << "named, and not there";
    EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(Lifecycle, CheckConfigSaysThatAGoodOneIsGood) {
    write_file(config_file(), kimi_by_default);
    const Outcome outcome = capsuled({"--config", config_file(), "--check-config"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(Lifecycle, CheckConfigReadsTheStoredKeysToo) {
    write_file(config_file(), kimi_by_default);
    write_file(dir_ / "state/auth.toml", "[workspaces.acme.roels.dev.env]\nZAI_API_KEY = \"FAKE-stored\"\n");
    const Outcome outcome = capsuled({"--config", config_file(), "--check-config"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("auth.toml:1:18: workspaces.acme.roels: unknown section"),
                                   HasSubstr("Did you mean \"roles\"?"), HasSubstr("capsulectl auth set"),
                                   Not(HasSubstr(keys::mark))));
}

TEST_F(Lifecycle, TheCommandLine) {
    EXPECT_THAT(capsuled({"--version"}).out, HasSubstr("0.1.0"));
    EXPECT_EQ(capsuled({"--version"}).exit_code, 0);
    EXPECT_THAT(capsuled({"--help"}).out, AllOf(HasSubstr("--config"), HasSubstr("--socket"), HasSubstr("--log-level"),
                                                HasSubstr("--log-format"), HasSubstr("--check-config")));
    for (const std::vector<std::string>& bad : {std::vector<std::string>{"--no-such"},
                                                {"--log-level", "loud"},
                                                {"--log-format", "xml"},
                                                {"--socket"},
                                                {"stray"}}) {
        const Outcome outcome = capsuled(bad);
        EXPECT_EQ(outcome.exit_code, 2) << bad.front();
        EXPECT_THAT(outcome.err, Not(IsEmpty())) << bad.front();
    }
}

TEST_F(Lifecycle, ASocketPathThatIsTooLongIsRefusedWithItsReason) {
    const Outcome outcome = capsuled({"--socket", (dir_ / std::string(120, 's')).string()});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("107"));
}

TEST_F(Lifecycle, EnvironmentVariablesSayWhereSocketAndConfigurationAre) {
    fs::create_directories(home());
    write_file(dir_ / "other.toml", kimi_by_default);
    daemon_ = std::make_unique<Daemon>(Daemon::Options{
        .socket = socket(),
        .log = dir_ / "capsuled.log",
        .arguments = {},
        .env = with(base_env(), {{"CAPSULE_SOCKET", socket()}, {"CAPSULE_CONFIG", dir_ / "other.toml"}}),
    });
    EXPECT_EQ(text_at(call("status"), "/config/path"), (dir_ / "other.toml").string());
    EXPECT_EQ(text_at(call("status"), "/socket"), socket().string());
    expect_error("spawn", R"({"agent":"claude"})", -32005, "key.absent");
}

TEST_F(Lifecycle, AUserWithoutARuntimeDirectoryIsAskedForASocket) {
    fs::create_directories(home());
    Program program{.argv = {reachable_copy(CAPSULED_BINARY, dir_ / "programs")}, .env = base_env()};
    if (am_root()) {
        program.identity = nobody;
        ASSERT_EQ(chown(home().c_str(), nobody.uid, nobody.gid), 0);
    }
    const Outcome outcome = run_command(program);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("CAPSULE_SOCKET"));
}

TEST_F(Lifecycle, AUserWithARuntimeDirectoryNeedsNoOptions) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    const fs::path runtime = dir_ / "runtime";
    for (const fs::path& path : {home(), runtime, dir_ / "state"}) {
        fs::create_directories(path);
        ASSERT_EQ(chown(path.c_str(), nobody.uid, nobody.gid), 0);
    }
    write_file(home() / ".config/capsule/capsule.toml", kimi_by_default);
    daemon_ = std::make_unique<Daemon>(Daemon::Options{
        .socket = runtime / "capsule/capsule.sock",
        .log = dir_ / "capsuled.log",
        .arguments = {},
        .env = with(with(base_env(), all_keys()), {{"XDG_RUNTIME_DIR", runtime}}),
        .identity = nobody,
    });
    EXPECT_EQ(text_at(call("status"), "/config/path"), (home() / ".config/capsule/capsule.toml").string());
    const json::value plan = call("spawn", R"({"agent":"claude"})");
    EXPECT_EQ(text_at(plan, "/provider"), "kimi");
    EXPECT_EQ(text_at(plan, "/user/name"), "nobody");
    EXPECT_EQ(text_at(plan, "/env/XDG_RUNTIME_DIR"), runtime.string()) << "of the same user";
}

TEST_F(Lifecycle, ADaemonThatIsNotRootRefusesAnotherUsersSessions) {
    fs::create_directories(home());
    write_file(config_file(), "[session]\nuser = \"games\"\n");
    Program program{.argv = {reachable_copy(CAPSULED_BINARY, dir_ / "programs"), "--config", config_file().string(),
                             "--socket", socket().string()},
                    .env = base_env()};
    if (am_root()) program.identity = nobody;
    const Outcome outcome = run_command(program);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("user"), HasSubstr("root")));
}

}  // namespace
}  // namespace capsule::test
