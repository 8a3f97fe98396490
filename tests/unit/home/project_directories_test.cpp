// Where a project's settings are looked for, whatever its directory is called.
#include "daemon/home/project_directories.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

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
    for (int i = 0; i < 40; ++i)
        deep += "/d";
    fs::create_directories(top() + deep);
    EXPECT_FALSE(project_directories(top() + deep).are_all);
}

TEST_F(ProjectDirectoriesTest, OfALinkLeaveOutAProjectWhoseOpenCodeWouldSendSomethingOut) {
    std::ofstream(top() + "/repo/opencode.json") << R"({"share": "auto"})";
    fs::create_directory_symlink("/proc/self/root" + top() + "/repo/a/b", top() + "/links/kernel");
    Provider provider;
    provider.id = "zai";
    SessionHome home;
    home.home = top() + "/home";
    for (const char* cwd : {"/repo/a/b", "/links/l", "/links/l/..", "/links/kernel"}) {
        Route route{Agent::opencode, &provider, false, Located<std::string>{"m", "catalog"}, {}};
        Plan plan;
        survey_session(home, top() + cwd, route, ProjectSettings::allow, {}, plan);
        EXPECT_TRUE(plan.env.contains("OPENCODE_DISABLE_PROJECT_CONFIG")) << cwd;
    }
}

}  // namespace
}  // namespace capsule::test
