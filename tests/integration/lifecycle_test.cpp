// Start, reload, stop; the socket.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/integration/lifecycle_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

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

// status is open to all who can open the socket, agents among them.
TEST_F(Lifecycle, NoSecretInThePlaceOfASettingIsInStatusOrTheLog) {
    start();
    for (const char* line : {
             "[session]\npassthrough = [\"GH_TOKEN=FAKE-ghp-token-0001\"]",
             "[session]\nuser = \"FAKE-ops_eyJhbGciOi-0002\"",
             "[access]\nspawn = [\"FAKE-0007\"]",
             "[broker]\nuser = \"u:FAKE-pw@h\"",
             "[broker]\nupstream_users = [\"http://u:FAKE-proxy-pw-0003@proxy:3128\"]",
             "[broker]\nremote = \"http://u:FAKE-proxy-pw-0003@proxy:3128\"",
             "[keys]\nop = \"FAKE-ops_eyJhbGciOi-0002\"",
             "[codex]\nargs = [\"-c=model_providers.x.experimental_bearer_token=FAKE-0011\"]",
             "[claude]\nargs = ['--settings={\"env\":{\"GH_TOKEN\":\"FAKE-0010\"}}']",
             "[providers.zai]\nother_key_names = [\"ZAI=FAKE-zai-0005\"]",
             "[providers.zai]\nkey_url = \"http://h/?key=FAKE-0006\"",
         }) {
        write_file(config_file(), std::string(line) + "\n");
        EXPECT_THAT(expect_error("reload", "{}", -32007, "config.conflict"), Not(HasSubstr("FAKE"))) << line;
        EXPECT_THAT(text_at(call("status"), "/config/error"),
                    AllOf(HasSubstr("capsule.toml:2:"), Not(HasSubstr("FAKE"))));
    }
    EXPECT_THAT(daemon().log(), AllOf(HasSubstr("session.passthrough"), Not(HasSubstr("FAKE-"))));
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

// As `exec capsuled` at a script's end has it. Its shell is not in that group, so the kernel would stop it.
TEST_F(Lifecycle, NorWithTheGroupThatItLeads) {
    fs::create_directories(home());
    const fs::path number = dir_ / "number";
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t shell =
        start_program({.argv = {"/bin/bash", "-c", "set -m; \"$0\" --socket \"$1\" & echo $! >\"$2\"; wait",
                                CAPSULED_BINARY, socket(), number},
                       .env = base_env()},
                      {nothing, nothing, nothing});
    close(nothing);
    const auto is_alive = [&] {
        const Program status{.argv = {CAPSULECTL_BINARY, "--socket", socket(), "status", "--alive"}, .env = base_env()};
        return run_command(status).exit_code == 0;
    };
    bool alive = is_alive();
    for (int i = 0; i < 500 && !alive; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        alive = is_alive();
    }
    ASSERT_TRUE(alive);
    const pid_t leader = std::stoi(read_file(number));
    ASSERT_EQ(getpgid(leader), leader);
    for (const int stop : {SIGTSTP, SIGTTOU, SIGTTIN})
        kill(leader, stop);
    EXPECT_TRUE(is_alive());
    kill(leader, SIGKILL);
    kill(shell, SIGKILL);
    waitpid(shell, nullptr, 0);
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

// Root makes a home for one look there, and removes it.
TEST_F(Lifecycle, RootsTemporaryFilesAreInNoDirectoryOfAnotherUsers) {
    if (!am_root()) GTEST_SKIP() << "needs root to give a directory away";
    const fs::path theirs = dir_ / "theirs", asked = dir_ / "asked";
    fs::create_directory(theirs);
    ASSERT_EQ(chown(theirs.c_str(), nobody.uid, nobody.gid), 0);
    write_file(agents_.bin() / "claude", "#!/bin/sh\necho \"$HOME\" >" + asked.string() + ".new; mv " + asked.string() +
                                             ".new " + asked.string() + "; echo 2.1.0\n");
    start({.env = {{"TMPDIR", theirs.string()}}});
    call("status");
    for (int i = 0; i < 1000 && !fs::exists(asked); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_THAT(read_file(asked), ::testing::StartsWith("/tmp/capsuled-"));
    EXPECT_TRUE(fs::is_empty(theirs));
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

}  // namespace
}  // namespace capsule::test
