#include "daemon/users/user_namespace.hpp"
#include "daemon/users/users.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "tests/support/silent_mount.hpp"

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

TEST(RunsCommands, OrdinaryShellsAndThoseThatTheMachineLists) {
    namespace fs = std::filesystem;
    std::string directory = "/tmp/capsule-shells-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const std::string list = directory + "/shells";
    const auto path_of = [&](const std::string& name) { return directory + "/" + name; };
    for (const char* name : {"bash", "git-shell", "sync", "nologin", "rbash", "nu", "logins"}) {
        std::ofstream(path_of(name)) << "";
        fs::permissions(path_of(name), fs::perms(0755));
    }
    fs::create_symlink(path_of("git-shell"), path_of("innocent"));
    std::ofstream(path_of("zsh")) << "";  // cannot be executed
    std::ofstream(list) << "# shells\n" << path_of("nu") << "\n" << path_of("git-shell") << "\n" << path_of("innocent");
    EXPECT_TRUE(runs_commands(path_of("bash"), list));
    EXPECT_TRUE(runs_commands(path_of("bash"), path_of("no-list")));
    EXPECT_TRUE(runs_commands(path_of("nu"), list));
    for (const char* name : {"git-shell", "sync", "nologin", "rbash", "logins", "innocent", "zsh", "not-there"})
        EXPECT_FALSE(runs_commands(path_of(name), list)) << name;
    fs::remove_all(directory);
}

TEST(RunsCommands, OneBelowAnotherUsersDirectoryIsNotLookedAt) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    std::string directory = "/tmp/capsule-shells-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    {
        const test::SilentMount theirs(directory, 4711);
        EXPECT_TRUE(runs_commands(directory + "/zsh"));
        EXPECT_FALSE(runs_commands(directory + "/nologin"));
    }
    ::rmdir(directory.c_str());
}

TEST(SessionHome, AUserThatDoesNotExistIsRefused) {
    Config config;
    config.session.user = "no-such-user-here";
    const auto home = session_home(config, environment());
    ASSERT_FALSE(home);
    EXPECT_EQ(home.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(home.error().message, "[session] user: there is no user \"no-such-user-here\"");
}

TEST(SessionHome, WhomUnknownUsersLookLikeIsRefused) {
    for (const std::string& name : {std::string("nobody"), std::to_string(overflow_uid())}) {
        Config config;
        config.session.user = name;
        const auto home = session_home(config, environment());
        ASSERT_FALSE(home) << name;
        EXPECT_EQ(home.error().code, ErrorCode::config_conflict);
        EXPECT_EQ(home.error().message,
                  "[session] user: uid 65534" + std::string(name == "nobody" ? " (\"nobody\")" : "") +
                      " cannot be used here: the kernel shows any user of another user namespace (a container's, say) "
                      "under this number");
        EXPECT_EQ(home.error().hint, "name another user");
    }
}

TEST(SessionHome, TheDaemonsOwnNumberIsTheDaemonsOwnUser) {
    Config config;
    config.session.user = std::to_string(::geteuid());
    const auto home = session_home(config, environment());
    ASSERT_TRUE(home);
    EXPECT_TRUE(home->same_user);
    EXPECT_EQ(home->codex_home, "/somewhere/codex");
}

TEST(SessionHome, ANumberThatNobodyKnowsIsRefusedForAnotherUser) {
    Config config;
    config.session.user = "4123456";
    EXPECT_EQ(session_home(config, environment()).error().message, "[session] user: there is no user \"4123456\"");
}

TEST(SessionHome, APlaceThatNoAnswerCouldNameIsRefusedAndNotReplaced) {
    for (const char* variable : {"HOME", "CODEX_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"}) {
        std::map<std::string, Secret> own = environment();
        own.insert_or_assign(variable, Secret("/tmp/h\xe9"));
        const auto home = session_home(Config(), own);
        ASSERT_FALSE(home) << variable;
        EXPECT_EQ(home.error().message, std::string(variable) + " of the daemon holds a byte that is no UTF-8");
    }
}

// Root writes there, and its sessions run what is there.
TEST(SessionHome, OfRootsSessionsIsNoPlaceThatAnotherUserCanChange) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string place = "/tmp/capsule-home-XXXXXX";
    ASSERT_NE(::mkdtemp(place.data()), nullptr);
    const auto with = [&place](const char* variable) {
        std::map<std::string, Secret> own = environment();
        own.insert_or_assign(variable, Secret(place + "/there"));
        return session_home(Config(), own);
    };
    for (const char* variable : {"HOME", "CODEX_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"}) {
        ASSERT_EQ(::chown(place.c_str(), 4711, 4711), 0);
        const auto home = with(variable);
        EXPECT_FALSE(home) << variable;
        if (!home) {
            EXPECT_THAT(home.error().message, ::testing::StartsWith(std::string(variable) + " " + place));
            EXPECT_THAT(home.error().message, ::testing::HasSubstr("belongs to user 4711"));
            EXPECT_THAT(home.error().hint, ::testing::HasSubstr("[session] user"));
        }
        ASSERT_EQ(::chown(place.c_str(), 0, 0), 0);
        EXPECT_TRUE(with(variable)) << variable;
    }
    ::rmdir(place.c_str());
}

TEST(SessionHome, SlashIsRefused) {
    std::map<std::string, Secret> slash;
    slash.emplace("HOME", Secret("//"));
    const auto home = session_home({}, slash);
    ASSERT_FALSE(home);
    EXPECT_THAT(home.error().message, ::testing::StartsWith("the home directory is /"));
}

TEST(SessionHome, SlashIsRefusedForAnotherUserToo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    std::string passwd = "/tmp/capsule-passwd-XXXXXX";
    const UniqueFd file(::mkstemp(passwd.data()));
    const std::string_view entry = "root:x:0:0::/root:/bin/sh\nagent:x:4711:4711::/:/bin/sh\n";
    ASSERT_EQ(::write(file.get(), entry.data(), entry.size()), static_cast<ssize_t>(entry.size()));
    constexpr int no_mounts = 2;
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount(passwd.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0)
            ::_exit(no_mounts);
        Config config;
        config.session.user = "agent";
        const auto home = session_home(config, {});
        ::_exit(!home && home.error().message.starts_with("[session] user: the home of agent is /") ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::unlink(passwd.c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_mounts) GTEST_SKIP() << "no mounts here";
    EXPECT_EQ(status, 0);
}

TEST(SessionHome, AFileIsRefused) {
    std::map<std::string, Secret> file;
    file.emplace("HOME", Secret("/etc/passwd"));
    EXPECT_EQ(session_home({}, file).error().message, "the home /etc/passwd is not a directory");
}

TEST(Users, AreFoundByNameThenByNumber) {
    EXPECT_EQ(find_uid("nobody"), 65534U);
    EXPECT_EQ(find_uid("4123456"), 4123456U) << "which has no entry";
    EXPECT_EQ(find_group("daemon"), 1U);
    EXPECT_EQ(find_group("4123456"), 4123456U);
    for (const char* no_number : {"", "-1", "+1", "1a", " 1", "0x10", "4294967295", "99999999999"}) {
        EXPECT_EQ(find_uid(no_number), std::nullopt) << no_number;
        EXPECT_EQ(find_group(no_number), std::nullopt) << no_number;
    }
}

TEST(Users, AnIdIsMappedWhereARangeHasIt) {
    constexpr std::string_view one = "         0      54321          1\n";
    EXPECT_TRUE(maps_id(one, 0));
    EXPECT_FALSE(maps_id(one, 1));
    EXPECT_FALSE(maps_id(one, 54321)) << "the number outside";
    constexpr std::string_view ranges = "0 1000 1\n1 100000 65536\n";
    EXPECT_TRUE(maps_id(ranges, 65536));
    EXPECT_FALSE(maps_id(ranges, 65537));
    EXPECT_TRUE(maps_id("0 0 4294967295", 65534));
}

TEST(Users, EachIsKnownWhereEveryIdIsMapped) {
    EXPECT_TRUE(maps_every_id("0 0 4294967295"));
    EXPECT_TRUE(maps_every_id("0 0 1000\n1000 200000 4294966295\n"));
    EXPECT_FALSE(maps_every_id("0 100000 65536"));
    EXPECT_FALSE(maps_every_id("65534 54321 1"));
    EXPECT_FALSE(maps_every_id(""));
}

TEST(SessionHome, NoHomeIsRefused) {
    const auto home = session_home({}, {});
    if (home) {
        EXPECT_TRUE(home->home.starts_with('/')) << "the password file's";
    } else {
        EXPECT_EQ(home.error().code, ErrorCode::config_conflict);
    }
}

// A refusal names its user: whoever is refused again and again is not looked up again and again (LDAP).
TEST(UserName, IsThatOfThePasswordFileAlone) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    std::string switch_file = "/tmp/capsule-nsswitch-XXXXXX";
    const UniqueFd file(::mkstemp(switch_file.data()));
    const std::string_view services = "passwd: db\n";
    ASSERT_EQ(::write(file.get(), services.data(), services.size()), static_cast<ssize_t>(services.size()));
    ASSERT_EQ(::fchmod(file.get(), 0644), 0);
    constexpr int no_mounts = 2;
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount(switch_file.c_str(), "/etc/nsswitch.conf", nullptr, MS_BIND, nullptr) != 0)
            ::_exit(no_mounts);
        ::_exit(user_name(0) == "root" && !find_user(0) ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::unlink(switch_file.c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_mounts) GTEST_SKIP() << "no mounts here";
    EXPECT_EQ(status, 0);
}

TEST(UserName, IsLookedUpOnce) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    std::string passwd = "/tmp/capsule-passwd-XXXXXX";
    const int file = ::mkstemp(passwd.data());
    const std::string_view entry = "somebody:x:4711:4711::/:/bin/sh\nlate:x:4712:4712::/:/bin/sh\n";
    ASSERT_EQ(::write(file, entry.data(), entry.size()), static_cast<ssize_t>(entry.size()));
    ASSERT_EQ(::fchmod(file, 0644), 0);
    constexpr int no_mounts = 2;
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            user_name(4711) != "4711")
            ::_exit(no_mounts);
        if (::mount(passwd.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0) ::_exit(no_mounts);
        ::_exit(user_name(4711) == "4711" && user_name(4712) == "late" ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(file);
    ::unlink(passwd.c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_mounts) GTEST_SKIP() << "no mounts here";
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace capsule
