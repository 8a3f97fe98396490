#include "daemon/users/users.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace capsule {
namespace {

std::map<std::string, Secret> environment() {
    std::map<std::string, Secret> out;
    out.emplace("HOME", Secret("/home/from-environment/"));
    out.emplace("CODEX_HOME", Secret("/somewhere/codex"));
    out.emplace("XDG_CONFIG_HOME", Secret("relative"));
    return out;
}

TEST(SessionHome, IsTheDaemonsOwnByDefault) {
    const auto home = session_home({}, environment());
    ASSERT_TRUE(home);
    EXPECT_TRUE(home->same_user);
    EXPECT_EQ(home->user.uid, ::geteuid());
    EXPECT_EQ(home->home, "/home/from-environment");
    EXPECT_EQ(home->codex_home, "/somewhere/codex");
    EXPECT_EQ(home->xdg_config_home, std::nullopt) << "a relative one is nobody's";
}

TEST(SessionHome, SettingsComeBeforeTheEnvironment) {
    Config config;
    config.session.codex_home = "/configured";
    EXPECT_EQ(session_home(config, environment())->codex_home, "/configured");
}

TEST(SessionHome, AnotherUsersComesFromThePasswordFile) {
    if (::geteuid() != 0) {
        Config config;
        config.session.user = "nobody";
        EXPECT_EQ(session_home(config, environment()).error().code, ErrorCode::config_conflict);
        return;
    }
    Config config;
    config.session.user = "games";
    const auto home = session_home(config, environment());
    ASSERT_TRUE(home);
    EXPECT_FALSE(home->same_user);
    EXPECT_EQ(home->home, "/usr/games");
    // Its own is /usr/sbin/nologin, which runs none of an agent's commands.
    EXPECT_TRUE(home->shell == "/bin/bash" || home->shell == "/bin/sh") << home->shell;
    EXPECT_THAT(home->shell_from, ::testing::HasSubstr("nologin"));
    EXPECT_THAT(home->user.groups, ::testing::Contains(home->user.gid)) << "as the group file has it";
    EXPECT_EQ(home->codex_home, std::nullopt);
}

TEST(SessionHome, AUserThatDoesNotExistIsRefused) {
    Config config;
    config.session.user = "no-such-user-here";
    const auto home = session_home(config, environment());
    ASSERT_FALSE(home);
    EXPECT_EQ(home.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(home.error().message, "[session] user: there is no user \"no-such-user-here\"");
}

TEST(SessionHome, NoHomeIsRefused) {
    const auto home = session_home({}, {});
    if (home) {
        EXPECT_TRUE(home->home.starts_with('/')) << "the password file's";
    } else {
        EXPECT_EQ(home.error().code, ErrorCode::config_conflict);
    }
}

}  // namespace
}  // namespace capsule
