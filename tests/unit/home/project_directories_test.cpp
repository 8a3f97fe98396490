// Where a project's settings are looked for, whatever its directory is called.
#include "daemon/home/project_directories.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/home/settings_survey.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class ProjectDirectoriesTest : public ::testing::Test {
  protected:
    ProjectDirectoriesTest() {
        fs::create_directories(top() + "/repo/.git");
        fs::create_directories(top() + "/repo/a/b");
        fs::create_directories(top() + "/links/.git");
        fs::create_directory_symlink("../repo/a/b", top() + "/links/l");
        fs::create_directory_symlink("../repo", top() + "/links/r");
    }
    std::string top() const { return directory.path(); }
    std::vector<std::string> paths(const std::string& cwd) const {
        std::vector<std::string> out;
        for (const std::string& path : project_directories(top() + cwd).paths)
            out.push_back(path.starts_with(top()) ? path.substr(top().size()) : path);
        return out;
    }

    TemporaryHome directory;
};

TEST_F(ProjectDirectoriesTest, AreThoseUpToTheRepositorysRoot) {
    EXPECT_THAT(paths("/repo/a/b"), ElementsAre("/repo/a/b", "/repo/a", "/repo"));
    EXPECT_THAT(paths("/repo//a/./b/../b/"), ElementsAre("/repo/a/b", "/repo/a", "/repo"));
    EXPECT_THAT(paths("/repo/a/not-there"), ElementsAre("/repo/a/not-there", "/repo/a", "/repo"));
    fs::remove(top() + "/repo/.git");
    EXPECT_THAT(paths("/repo/a/b"), ElementsAre("/repo/a/b"));
}

class MainCheckoutTest : public ProjectDirectoriesTest {
  protected:
    MainCheckoutTest() { fs::create_directories(top() + "/tree"); }

    /// What is found where that is in `/tree/.git`: "(unknown)" where it is not understood, empty where there is none.
    std::string main_with(const std::string& text) const {
        std::ofstream(top() + "/tree/.git") << text;
        const auto found = project_directories(top() + "/tree");
        EXPECT_EQ(found.paths.front(), top() + "/tree");
        if (!found.are_all) return "(unknown)";
        if (!found.main) return "";
        return found.main->starts_with(top()) ? found.main->substr(top().size()) : *found.main;
    }
};

TEST_F(MainCheckoutTest, IsWhereTheFileOfALinkedWorktreeSays) {
    const std::string own = "repo/.git/worktrees/tree";
    EXPECT_EQ(main_with("gitdir: " + top() + "/" + own + "\n"), "/repo");
    EXPECT_EQ(main_with("gitdir: ../" + own), "/repo");
    EXPECT_EQ(main_with("gitdir: ../" + own + "//\n"), "/repo");
    EXPECT_EQ(main_with("gitdir: ../bare.git/worktrees/tree\n"), "/bare.git");
    EXPECT_EQ(main_with("gitdir: /not/there/.git/worktrees/tree\n"), "/not/there") << "somebody may put it there";
    EXPECT_EQ(main_with("gitdir: /.git/worktrees/tree\n"), "") << "the root of the file system, named by nothing";
    EXPECT_TRUE(project_directories(top() + "/tree").main);
    for (const char* text : {"gitdir: ../repo/.git/modules/tree\n", "gitdir: ../repo/.git\n", "gitdir:", "", "text\n",
                             "../repo/.git/worktrees/tree\n"})
        EXPECT_EQ(main_with(text), "") << text;
}

// As Claude Code reads it.
TEST_F(MainCheckoutTest, IsFoundHoweverTheFileIsWritten) {
    const std::string own = "../repo/.git/worktrees/tree";
    for (const std::string& text :
         {"gitdir:" + own, "\tgitdir: " + own, "\n \r\ngitdir:\t\n " + own + " \t\r\n",
          "\xEF\xBB\xBFgitdir: " + own + "\n", "\xC2\xA0gitdir:\xE3\x80\x80" + own + "\xE2\x80\xA8\n",
          "gitdir: " + own + std::string(5000, '\n')})
        EXPECT_EQ(main_with(text), "/repo") << text;
    EXPECT_EQ(main_with("gitdir: ../r\xC3\xA9po/.git/worktrees/\xC3\xA9\n"), "/r\xC3\xA9po");
    EXPECT_EQ(main_with("gitdir: ../a\nb/.git/worktrees/tree\n"), "/a\nb");
}

TEST_F(MainCheckoutTest, IsUnknownWhereTheFileIsNotUnderstood) {
    using namespace std::string_literals;
    const std::string line = "gitdir: ../repo/.git/worktrees/tree\n";
    for (const std::string& text : {line + std::string(70'000, '\n'), "gitdir: ../\xFF/.git/worktrees/tree\n"s,
                                    "\xFF\xFEg\0i\0t\0d\0i\0r\0"s, line + "\0"s})
        EXPECT_EQ(main_with(text), "(unknown)") << text.substr(0, 60);
}

// Claude Code and Codex take nothing else for a repository, and look above it.
TEST_F(ProjectDirectoriesTest, GoOnAboveWhatIsNoRepository) {
    fs::create_symlink("nothing", top() + "/repo/a/.git");
    EXPECT_THAT(paths("/repo/a/b"), ElementsAre("/repo/a/b", "/repo/a", "/repo"));
    fs::remove(top() + "/repo/a/.git");
    ASSERT_EQ(::mkfifo((top() + "/repo/a/.git").c_str(), 0600), 0);
    EXPECT_THAT(paths("/repo/a/b"), ElementsAre("/repo/a/b", "/repo/a", "/repo"));
    fs::remove(top() + "/repo/a/.git");
    fs::create_directory_symlink("../../links/.git", top() + "/repo/a/.git");
    EXPECT_THAT(paths("/repo/a/b"), ElementsAre("/repo/a/b", "/repo/a"));
    fs::remove(top() + "/repo/a/.git");
    fs::create_directory_symlink("/proc/self/root" + top() + "/repo/.git", top() + "/repo/a/.git");
    EXPECT_FALSE(project_directories(top() + "/repo/a/b").are_all);
}

TEST_F(ProjectDirectoriesTest, AreThoseAboveWhereALinkLeads) {
    EXPECT_THAT(paths("/links/l"), ElementsAre("/links/l", "/repo/a", "/repo", "/links"));
    EXPECT_THAT(paths("/links/r/a"), ElementsAre("/links/r/a", "/links/r"));
    EXPECT_THAT(paths("/links/l/.."), ElementsAre("/repo/a", "/repo", "/links"));
    fs::remove(top() + "/links/.git");
    EXPECT_THAT(paths("/links/l"), ElementsAre("/links/l", "/repo/a", "/repo"));
}

TEST_F(ProjectDirectoriesTest, SayWhereOthersMayBe) {
    EXPECT_TRUE(project_directories(top() + "/links/l").are_all);
    EXPECT_TRUE(project_directories(top() + "/not-there").are_all);
    fs::create_directory_symlink("/proc/self/root" + top() + "/repo/a/b", top() + "/links/kernel");
    EXPECT_FALSE(project_directories(top() + "/links/kernel").are_all);
    std::string deep = "/repo";
    for (int i = 0; i < 200; ++i)
        deep += "/d";
    fs::create_directories(top() + deep);
    EXPECT_FALSE(project_directories(top() + deep).are_all);
}

TEST_F(ProjectDirectoriesTest, HaveOthersAbove) {
    const auto found = project_directories(top() + "/repo/a");
    EXPECT_TRUE(found.has_root);
    EXPECT_THAT(found.above, ::testing::IsSupersetOf({top(), std::string()}));
    const auto alone = project_directories(top());
    EXPECT_FALSE(alone.has_root);
    EXPECT_THAT(alone.above, ::testing::Contains(fs::path(top()).parent_path().string()));
    EXPECT_THAT(project_directories(top() + "/links/l").above, ::testing::IsSupersetOf({top(), std::string()}));
}

/// Whether OpenCode is told to leave the project's configuration out, and with how many warnings.
class OpenCodesProject : public ProjectDirectoriesTest {
  protected:
    bool is_left_out(const std::string& cwd) {
        Provider provider;
        provider.id = "zai";
        SessionHome home;
        home.home = top() + "/home";
        home.user.uid = ::geteuid();
        Route route{Agent::opencode, &provider, false, Located<std::string>{"m", "catalog"}, {}};
        Plan plan;
        plan.argv = {{"opencode", "capsuled"}};
        // All may write to /tmp, above it: so to it, too, that it makes no difference.
        std::error_code not_there;
        fs::permissions(top() + cwd, fs::perms::all, not_there);
        survey_session(home, top() + cwd, route, ProjectSettings::allow, {}, plan);
        return plan.env.contains("OPENCODE_DISABLE_PROJECT_CONFIG");
    }
    void write(const std::string& path, const std::string& text) const {
        fs::create_directories(fs::path(top() + path).parent_path());
        std::ofstream(top() + path) << text;
    }
    static constexpr const char* sends = R"({"share": "auto"})";
};

TEST_F(OpenCodesProject, IsLeftOutThroughALinkToo) {
    write("/repo/opencode.json", sends);
    fs::create_directory_symlink("/proc/self/root" + top() + "/repo/a/b", top() + "/links/kernel");
    for (const char* cwd : {"/repo/a/b", "/links/l", "/links/l/..", "/links/kernel"})
        EXPECT_TRUE(is_left_out(cwd)) << cwd;
    EXPECT_FALSE(is_left_out("/links"));
}

// Where git takes nothing for a repository, OpenCode goes up to the root of the file system.
TEST_F(OpenCodesProject, IsLeftOutForWhatStandsAboveIt) {
    write("/plain/opencode.json", sends);
    write("/plain/empty/.git/x", "");
    fs::remove(top() + "/plain/empty/.git/x");
    write("/plain/broken/.git", "gitdir: /nonexistent\n");
    fs::create_directories(top() + "/plain/dangling");
    fs::create_symlink("nothing", top() + "/plain/dangling/.git");
    write("/plain/whole/.git/HEAD", "ref: refs/heads/main\n");
    std::string deep = "/plain/deep";
    for (int i = 0; i < 40; ++i)
        deep += "/d";
    for (const std::string& cwd :
         {std::string("/plain/none"), std::string("/plain/empty"), std::string("/plain/broken"),
          std::string("/plain/dangling"), std::string("/plain/whole"), deep}) {
        fs::create_directories(top() + cwd);
        EXPECT_TRUE(is_left_out(cwd)) << cwd;
    }
    write("/plain/opencode.json", R"({"theme": "x"})");
    EXPECT_FALSE(is_left_out(deep)) << "and what changes nothing stays";
}

TEST_F(OpenCodesProject, IsLeftOutWhereNotAllAboveItIsLookedAt) {
    std::string deep = "/plain";
    for (int i = 0; i < 140; ++i)
        deep += "/d";
    fs::create_directories(top() + deep);
    EXPECT_TRUE(is_left_out(deep));
}

TEST_F(OpenCodesProject, IsLeftOutWhereAnotherUserCanSayWhatItIs) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
    write("/shared/opencode.json", R"({"theme": "x"})");
    write("/shared/.opencode/plugin/x.js", "");
    write("/shared/own/.git/HEAD", "");
    EXPECT_FALSE(is_left_out("/shared/own"));
    for (const char* file : {"/shared/opencode.json", "/shared/.opencode/plugin/x.js"}) {
        ASSERT_EQ(::chown((top() + file).c_str(), 4711, 4711), 0);
        EXPECT_TRUE(is_left_out("/shared/own")) << file;
        ASSERT_EQ(::chown((top() + file).c_str(), 0, 0), 0);
    }
}

}  // namespace
}  // namespace capsule::test
