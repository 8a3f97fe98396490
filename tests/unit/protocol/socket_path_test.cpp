#include "protocol/socket_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace capsule {
namespace {

using testing::HasSubstr;

EnvironmentLookup environment(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(std::string(name));
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
}

constexpr uid_t root = 0;
constexpr uid_t user = 1000;

TEST(SocketPath, PrefersWhatIsGivenThenTheVariable) {
    const auto env = environment({{"CAPSULE_SOCKET", "/b"}, {"XDG_RUNTIME_DIR", "/run/user/1000"}});
    EXPECT_EQ(*socket_path("/a", user, env), "/a");
    EXPECT_EQ(*socket_path(std::nullopt, user, env), "/b");
    EXPECT_EQ(*socket_path(std::nullopt, root, env), "/b");
}

TEST(SocketPath, HasAPlaceForRootAndOnePerUser) {
    const auto env = environment({{"XDG_RUNTIME_DIR", "/run/user/1000"}});
    EXPECT_EQ(*socket_path(std::nullopt, root, env), "/run/capsule/capsule.sock");
    EXPECT_EQ(*socket_path(std::nullopt, user, env), "/run/user/1000/capsule/capsule.sock");
}

TEST(SocketPath, AsksAUserWithoutRuntimeDirectoryForTheVariable) {
    for (const auto& env : {environment({}), environment({{"XDG_RUNTIME_DIR", "relative"}})}) {
        const auto path = socket_path(std::nullopt, user, env);
        ASSERT_FALSE(path);
        EXPECT_EQ(path.error().code, ErrorCode::io_error);
        EXPECT_THAT(path.error().hint, HasSubstr("CAPSULE_SOCKET"));
    }
}

TEST(SocketPath, RefusesWhatNoAddressHolds) {
    const std::string longest = "/" + std::string(106, 'x');
    EXPECT_EQ(*socket_path(longest, user, environment({})), longest);
    EXPECT_EQ(socket_path(longest + "x", user, environment({})).error().code, ErrorCode::io_error);
    EXPECT_EQ(socket_path("", user, environment({})).error().code, ErrorCode::io_error);
}

TEST(ConfigPath, FollowsOptionVariableAndXdg) {
    const auto home = environment({{"HOME", "/home/a"}});
    EXPECT_EQ(config_path("/x.toml", user, home), "/x.toml");
    EXPECT_EQ(config_path(std::nullopt, user, environment({{"CAPSULE_CONFIG", "/y.toml"}})), "/y.toml");
    EXPECT_EQ(config_path(std::nullopt, root, home), "/etc/capsule/capsule.toml");
    EXPECT_EQ(config_path(std::nullopt, user, home), "/home/a/.config/capsule/capsule.toml");
    EXPECT_EQ(config_path(std::nullopt, user, environment({{"HOME", "/home/a"}, {"XDG_CONFIG_HOME", "/c"}})),
              "/c/capsule/capsule.toml");
    EXPECT_EQ(config_path(std::nullopt, user, environment({{"HOME", "/home/a"}, {"XDG_CONFIG_HOME", "c"}})),
              "/home/a/.config/capsule/capsule.toml")
        << "a relative directory is to be ignored";
    EXPECT_EQ(config_path(std::nullopt, user, environment({})), std::nullopt);
}

TEST(StateDirectory, FollowsSystemdAndXdg) {
    EXPECT_EQ(state_directory(user, environment({{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b"}})), "/var/lib/a");
    EXPECT_EQ(state_directory(root, environment({{"HOME", "/root"}})), "/var/lib/capsule");
    EXPECT_EQ(state_directory(user, environment({{"HOME", "/home/a"}})), "/home/a/.local/state/capsule");
    EXPECT_EQ(state_directory(user, environment({{"HOME", "/home/a"}, {"XDG_STATE_HOME", "/s"}})), "/s/capsule");
    EXPECT_EQ(state_directory(user, environment({})), std::nullopt);
}

TEST(ProcessEnvironment, TakesAnEmptyVariableForNone) {
    ::setenv("CAPSULE_TEST_VARIABLE", "", 1);
    EXPECT_EQ(process_environment("CAPSULE_TEST_VARIABLE"), std::nullopt);
    ::setenv("CAPSULE_TEST_VARIABLE", "x", 1);
    EXPECT_EQ(process_environment("CAPSULE_TEST_VARIABLE"), "x");
    ::unsetenv("CAPSULE_TEST_VARIABLE");
    EXPECT_EQ(process_environment("CAPSULE_TEST_VARIABLE"), std::nullopt);
}

}  // namespace
}  // namespace capsule
