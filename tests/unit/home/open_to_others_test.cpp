// Above which sessions another user can put settings, and what then holds.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "daemon/home/project_directories.hpp"
#include "daemon/home/settings_survey.hpp"
#include "tests/support/access_list.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OpenToOthers : public ::testing::Test {
  protected:
    OpenToOthers() {
        home.user.uid = ::geteuid();
        home.user.gid = ::getegid();
        fs::create_directories(above());
        fs::create_directories(own());
        set_modes(0777, 0755);
    }

    std::string above() const { return directory.path() + "/above"; }
    std::string own() const { return above() + "/project"; }
    /// All can write to `own` in most tests, as they can to /tmp above it.
    void set_modes(mode_t own_mode, mode_t above_mode) const {
        EXPECT_EQ(::chmod(own().c_str(), own_mode), 0);
        EXPECT_EQ(::chmod(above().c_str(), above_mode), 0);
    }
    std::string open() const {
        const auto found = open_to_others(project_directories(own()), home);
        return found ? found->path + (found->is_known ? "" : "?") : "";
    }

    TemporaryHome directory;
    SessionHome home;
};

TEST_F(OpenToOthers, IsADirectoryThatAllCanWriteTo) {
    EXPECT_EQ(open(), "");
    set_modes(0777, 01757);
    EXPECT_EQ(open(), "") << "whoever can write there can write to the project";
    set_modes(0755, 01757);
    EXPECT_EQ(open(), above());
    set_modes(0776, 01757);
    EXPECT_EQ(open(), above()) << "nobody can write there without entering it";
}

// The session is given its directory by root, and is in it all the same.
TEST_F(OpenToOthers, IsADirectoryAboveOneThatOthersCannotEnter) {
    const std::string inner = own() + "/inner";
    fs::create_directories(inner);
    EXPECT_EQ(::chmod(inner.c_str(), 0777), 0);
    const auto open_from_inner = [&] {
        const auto found = open_to_others(project_directories(inner), home);
        return found ? found->path : "";
    };
    set_modes(0755, 01757);
    EXPECT_EQ(open_from_inner(), "");
    set_modes(0700, 01757);
    EXPECT_EQ(open_from_inner(), above());
    set_modes(0710, 0775);
    EXPECT_NE(open_from_inner(), above()) << "whose group can write to the session's, too";
    set_modes(0701, 0775);
    EXPECT_EQ(open_from_inner(), above());
}

TEST_F(OpenToOthers, IsADirectoryOfTheSessionsOwnersWhoCannotComeThere) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
    const std::string inner = own() + "/inner";
    fs::create_directories(inner);
    home.user.uid = home.user.gid = 4711;
    for (const std::string& theirs : {inner, above()})
        EXPECT_EQ(::chown(theirs.c_str(), 4712, 4712), 0);
    EXPECT_EQ(::chown(own().c_str(), 4711, 4711), 0);
    EXPECT_EQ(::chmod(inner.c_str(), 0757), 0);
    const auto open_from_inner = [&](mode_t between) {
        set_modes(between, 0755);
        const auto found = open_to_others(project_directories(inner), home);
        return found ? found->path : "";
    };
    EXPECT_NE(open_from_inner(0755), above());
    EXPECT_EQ(open_from_inner(0700), above());
}

TEST_F(OpenToOthers, IsWhatCannotBeLookedAt) {
    set_modes(0777, 01757);
    EXPECT_EQ(open(), "");
    fs::remove(own());
    EXPECT_EQ(open(), above()) << "who has moved it away for the moment can bring it back";
    fs::create_directory(own());
    set_modes(0755, 0755);
    std::string deep = own();
    for (int i = 0; i < 130; ++i)
        deep += "/d";
    fs::create_directories(deep);
    const auto found = open_to_others(project_directories(deep), home);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->is_known);
    if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
    set_modes(0755, 0700);
    EXPECT_EQ(::chown(above().c_str(), 4712, 4712), 0);
    home.user.uid = home.user.gid = 4711;
    EXPECT_EQ(::chown(own().c_str(), 4711, 4711), 0);
    ASSERT_EQ(::seteuid(4711), 0);
    const std::string seen = open();
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_EQ(seen, own() + "?");
}

TEST_F(OpenToOthers, IsADirectoryOfAnotherUserOrGroup) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
    const auto after = [&](uid_t own_uid, uid_t above_uid, gid_t above_gid) {
        EXPECT_EQ(::chown(own().c_str(), own_uid, 0), 0);
        EXPECT_EQ(::chown(above().c_str(), above_uid, above_gid), 0);
        set_modes(0757, 0775);
        return open();
    };
    home.user.uid = home.user.gid = 4711;
    EXPECT_EQ(after(4711, 0, 0), above()) << "others may be in root's group";
    home.private_groups = {0, 4711};
    EXPECT_EQ(after(4711, 0, 0), "");
    EXPECT_EQ(after(4711, 4711, 4711), "");
    EXPECT_EQ(after(4712, 4712, 0), "") << "a mounted folder of somebody else's";
    EXPECT_EQ(after(4711, 4712, 0), above());
    EXPECT_EQ(after(4711, 4711, 4712), above());
    EXPECT_EQ(::chown(own().c_str(), 4711, 4712), 0);
    set_modes(0777, 0775);
    EXPECT_EQ(open(), "") << "whose group can write to the project";
}

/// The session is in a linked worktree; its main checkout is below `above()`.
class MainCheckoutOpenToOthers : public OpenToOthers {
  protected:
    MainCheckoutOpenToOthers() {
        fs::create_directories(tree());
        fs::create_directories(main_checkout());
        set_modes(0755, 0755);
        says(main_checkout() + "/.git/worktrees/tree");
        EXPECT_EQ(::chmod(tree().c_str(), 0777), 0);  // as they can to /tmp above it
    }
    std::string tree() const { return directory.path() + "/tree"; }
    std::string main_checkout() const { return own() + "/main"; }
    void says(const std::string& git_directory) const {
        write_bytes(tree() + "/.git", "gitdir: " + git_directory + "\n");
    }
    std::string open_from_tree() const {
        const auto found = open_to_others(project_directories(tree()), home);
        EXPECT_TRUE(!found || found->is_of_main);
        return found ? found->path + (found->is_known ? "" : "?") : "";
    }
};

// Who can write to a directory above it can put another one there.
TEST_F(MainCheckoutOpenToOthers, ByADirectoryAboveIt) {
    EXPECT_EQ(open_from_tree(), "");
    set_modes(0757, 0755);
    EXPECT_EQ(open_from_tree(), own());
    set_modes(0755, 0757);
    EXPECT_EQ(open_from_tree(), above());
    fs::remove_all(own());
    EXPECT_EQ(open_from_tree(), above()) << "where it is not there, too";
    says("/.git/worktrees/tree");
    EXPECT_EQ(open_from_tree(), "");
}

TEST_F(MainCheckoutOpenToOthers, ByALinkOnTheWayThere) {
    says(directory.path() + "/link/main/.git/worktrees/tree");
    fs::create_directory_symlink(own(), directory.path() + "/link");
    EXPECT_EQ(open_from_tree(), directory.path() + "/link?");
}

TEST_F(MainCheckoutOpenToOthers, ButNotByADirectoryThatIsAboveTheSessionToo) {
    const std::string inner = main_checkout() + "/.claude/worktrees/tree";
    fs::create_directories(inner);
    for (const char* name : {"/.claude/worktrees", "/.claude", ""})
        EXPECT_EQ(::chmod((main_checkout() + name).c_str(), 0777), 0);
    write_bytes(inner + "/.git", "gitdir: " + main_checkout() + "/.git/worktrees/tree\n");
    EXPECT_EQ(::chmod(inner.c_str(), 0777), 0);
    EXPECT_FALSE(open_to_others(project_directories(inner), home))
        << "whoever can write there can write to the worktree";
}

TEST_F(MainCheckoutOpenToOthers, ByWhoeverHasClosedTheWayThere) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
    home.user.uid = home.user.gid = 4711;
    home.private_groups = {0, 4711};
    EXPECT_EQ(::chown(tree().c_str(), 4711, 4711), 0);
    EXPECT_EQ(::chown(own().c_str(), 4712, 4712), 0);
    const auto seen_by_the_user = [&](mode_t own_mode, mode_t above_mode) {
        set_modes(own_mode, above_mode);
        EXPECT_EQ(::seteuid(4711), 0);
        const std::string seen = open_from_tree();
        EXPECT_EQ(::seteuid(0), 0);
        return seen;
    };
    EXPECT_EQ(seen_by_the_user(0700, 0755), own()) << "who can open it, too";
    EXPECT_EQ(seen_by_the_user(0755, 0700), "") << "root's directory stays closed";
}

// The group's bits of a directory with an access list are for all whom the list names.
TEST_F(OpenToOthers, IsADirectoryWithAnAccessListThatLetsSomebodyWrite) {
    home.private_groups = {static_cast<std::uint32_t>(::getegid())};
    set_modes(0757, 0775);
    EXPECT_EQ(open(), "");
    const std::string list =
        AccessList{.owner = 7, .user = 4711, .users = 7, .group = 5, .mask = 7, .others = 5}.text();
    if (::setxattr(above().c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0)
        GTEST_SKIP() << "this file system has no access lists";
    EXPECT_EQ(open(), above());
}

// What is not there yet would be there by the time that the agent looks.
TEST_F(OpenToOthers, LeavesTheProjectOutOfEachAgent) {
    Provider provider;
    provider.id = "zai";
    Plan plan;
    const auto look = [&](Agent agent, ProjectSettings settings, std::vector<std::string> own_arguments = {}) {
        const Route route{agent, &provider, false, Located<std::string>{"m", "catalog"}, {}};
        plan = {};
        plan.argv = {{"agent", ""}};
        for (std::string& each : own_arguments)
            plan.argv.push_back({std::move(each), ""});
        plan.unset = {"OPENCODE_DISABLE_PROJECT_CONFIG", "OPENCODE_DISABLE_EXTERNAL_SKILLS"};
        survey_session(home, own(), route, settings, {}, plan);
        std::vector<std::string> words;
        for (const Argument& each : plan.argv)
            words.push_back(each.value);
        return words;
    };
    for (const Agent agent : {Agent::claude, Agent::codex, Agent::opencode}) {
        EXPECT_THAT(look(agent, ProjectSettings::allow), ElementsAre("agent"));
        EXPECT_THAT(plan.env, IsEmpty());
        EXPECT_THAT(plan.warnings, IsEmpty());
    }
    set_modes(0755, 01777);
    const auto said = [&] { return plan.warnings.size() == 1 ? plan.warnings.front().message : ""; };
    EXPECT_THAT(look(Agent::claude, ProjectSettings::allow, {"--", "x"}),
                ElementsAre("agent", "--setting-sources", "user", "--", "x"));
    EXPECT_TRUE(plan.env.contains("CLAUDE_CODE_DISABLE_CRON"));
    EXPECT_THAT(said(), HasSubstr("another user can write to " + above()));
    EXPECT_EQ(plan.warnings.front().code, "settings.neutralised");
    EXPECT_THAT(look(Agent::codex, ProjectSettings::allow), ElementsAre("agent", "-c", "project_root_markers=[]"));
    EXPECT_THAT(said(), HasSubstr("another user can write to " + above()));
    EXPECT_THAT(look(Agent::opencode, ProjectSettings::allow), ElementsAre("agent"));
    ASSERT_EQ(plan.warnings.size(), 2U);
    EXPECT_EQ(plan.warnings.front().code, "settings.not_held");
    for (const Warning& warning : plan.warnings)
        EXPECT_THAT(warning.message, HasSubstr("another user can write to " + above()));
    EXPECT_TRUE(plan.env.contains("OPENCODE_DISABLE_PROJECT_CONFIG"));
    EXPECT_TRUE(plan.env.contains("OPENCODE_DISABLE_EXTERNAL_SKILLS"));
    EXPECT_THAT(plan.unset, IsEmpty());

    EXPECT_THAT(look(Agent::codex, ProjectSettings::ignore), Contains("project_root_markers=[]"));
    look(Agent::claude, ProjectSettings::ignore);
    EXPECT_THAT(plan.warnings, IsEmpty()) << "that keeps all of it out already";
    look(Agent::opencode, ProjectSettings::ignore);
    EXPECT_EQ(plan.warnings.size(), 1U) << "not all, of OpenCode's";
    look(Agent::claude, ProjectSettings::allow, {"--setting-sources=user,project"});
    EXPECT_THAT(plan.warnings, IsEmpty()) << "the operator says what counts";
    EXPECT_EQ(plan.argv.size(), 2U);
}

}  // namespace
}  // namespace capsule::test
