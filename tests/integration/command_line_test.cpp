// The daemon's command line, and where it finds what that does not name.
#include <unistd.h>

#include "tests/integration/lifecycle_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

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
