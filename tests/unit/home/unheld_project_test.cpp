// Where an agent would take something of a project that it was told to take nothing of.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "daemon/home/unheld_project.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UnheldProject : public ::testing::Test {
  protected:
    UnheldProject() {
        home.user.uid = ::geteuid();
        home.user.gid = ::getegid();
        home.home = directory.path() + "/home";
        plan.project_left_out = "the test says so";
        make("home");
        make("open/project/sub", 0777);
    }

    void make(const std::string& path, mode_t mode = 0755) const {
        fs::create_directories(directory.path() + "/" + path);
        // Whoever can write to the session's directory needs no directory above it.
        for (fs::path at = directory.path() + "/" + path; at != directory.path(); at = at.parent_path())
            EXPECT_EQ(::chmod(at.c_str(), mode), 0);
    }
    void make_repository(const std::string& path) const {
        for (const char* name : {"/.git/objects", "/.git/refs"})
            fs::create_directories(directory.path() + "/" + path + name);
        write(path + "/.git/HEAD");
    }
    void write(const std::string& path, const std::string& text = R"({"paths": {"*": ["./*"]}})") const {
        fs::create_directories(fs::path(directory.path() + "/" + path).parent_path());
        write_bytes(directory.path() + "/" + path, text);
    }
    void remove(const std::string& path) const { fs::remove_all(directory.path() + "/" + path); }
    /// Why the session is refused; empty: it is not.
    std::string why(const std::string& cwd, Agent agent = Agent::opencode, bool has_git = true) const {
        const auto held = refuse_unheld_project(descriptor_of(agent), plan, home, directory.path() + "/" + cwd,
                                                {has_git, only_strangers});
        if (held) return "";
        EXPECT_EQ(held.error().code, ErrorCode::config_conflict);
        EXPECT_NE(held.error().hint, "");
        return held.error().message;
    }

    TemporaryHome directory;
    SessionHome home;
    Plan plan;
    bool only_strangers = false;
};

TEST_F(UnheldProject, IsRefusedWhereItHasWhatTheAgentTakes) {
    EXPECT_EQ(why("open/project/sub"), "");
    for (const char* name :
         {"opencode.json", "opencode.jsonc", ".opencode/plugin/x.js", "node_modules/esprima", "tsconfig.json"})
        for (const char* where : {"open/project/sub/", "open/project/", "open/"}) {
            write(where + std::string(name));
            const std::string top = fs::path(name).begin()->string();
            EXPECT_THAT(why("open/project/sub"), HasSubstr(directory.path() + "/" + where + top));
            EXPECT_THAT(why("open/project/sub"), HasSubstr("the test says so"));
            EXPECT_EQ(why("open/project/sub", Agent::claude), "");
            remove(where + top);
        }
    write("open/opencode.json");
    plan.project_left_out.clear();
    EXPECT_EQ(why("open/project/sub"), "") << "it may take all";
}

// Most projects have these files, and say nothing of the kind.
TEST_F(UnheldProject, IsNoneForAFileThatSaysNothingOfIt) {
    const auto with = [&](const std::string& name, const std::string& text) {
        write("open/" + name, text);
        const std::string told = why("open/project");
        remove("open/" + name);
        return told;
    };
    EXPECT_EQ(with("package.json", R"({"name": "mine", "dependencies": {"react": "1"}})"), "");
    EXPECT_EQ(with("tsconfig.json", R"({"compilerOptions": {"strict": true}})"), "");
    for (const char* text : {R"({"name": "esprima"})", R"({"name": "\u0065sprima"})"})
        EXPECT_NE(with("package.json", text), "") << text;
    for (const char* text : {R"({"compilerOptions": {"baseUrl": "."}})", R"({"extends": "./x"})",
                             R"({"compilerOptions": {"path\u0073": {}}})"})
        EXPECT_NE(with("tsconfig.json", text), "") << text;
    EXPECT_NE(with("package.json", std::string(300 * 1024, ' ')), "") << "not all of it was read";
}

TEST_F(UnheldProject, IsLookedForUpToTheRootOfARepositoryThatGitTakes) {
    write("open/opencode.json");
    make_repository("open/project");
    EXPECT_EQ(why("open/project/sub"), "");
    EXPECT_NE(why("open/project/sub", Agent::opencode, false), "") << "there is no git";
    for (const char* name : {"HEAD", "objects", "refs"}) {
        remove("open/project/.git/" + std::string(name));
        EXPECT_NE(why("open/project/sub"), "") << name;
        make_repository("open/project");
        EXPECT_EQ(why("open/project/sub"), "");
    }
    if (::geteuid() != 0) return;
    home.user.uid = 4711;
    EXPECT_NE(why("open/project/sub"), "") << "git takes no other user's";
}

TEST_F(UnheldProject, IsLookedForAboveEachNameOfTheDirectory) {
    make_repository("open/project");
    make("other", 0777);
    fs::create_directory_symlink(directory.path() + "/open/project/sub", directory.path() + "/other/link");
    EXPECT_EQ(why("other/link"), "");
    write("other/opencode.json");
    EXPECT_NE(why("other/link"), "");
    remove("other/opencode.json");
    write("open/project/opencode.json");
    EXPECT_NE(why("other/link"), "");
}

TEST_F(UnheldProject, IsNotWhatTheHomeHasForAll) {
    make("home/project", 0777);
    write("home/.opencode/opencode.json");
    EXPECT_EQ(why("home/project"), "");
    EXPECT_EQ(why("home"), "");
    write("home/opencode.json");
    EXPECT_NE(why("home/project"), "");
}

// A project that is left out for others alone is its user's own.
TEST_F(UnheldProject, IsAnotherUsersAlsoAboveARepository) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a file away takes root";
    make_repository("open/project");
    only_strangers = true;
    for (const char* name : {"open/project/opencode.json", "open/node_modules/esprima"}) {
        write(name);
        EXPECT_EQ(why("open/project/sub"), "");
        EXPECT_EQ(::lchown((directory.path() + "/" + name).c_str(), 4712, 4712), 0);
        EXPECT_THAT(why("open/project/sub"), HasSubstr(name));
        only_strangers = false;
        EXPECT_THAT(why("open/project/sub"), HasSubstr(name));
        only_strangers = true;
        remove(name);
    }
}

}  // namespace
}  // namespace capsule::test
