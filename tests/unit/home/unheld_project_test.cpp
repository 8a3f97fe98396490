// Where an agent would take something of a project that it was told to take nothing of.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <time.h>
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
    void write(const std::string& path, const std::string& text = R"({"paths": {"*": ["./*"]}})") const {
        fs::create_directories(fs::path(directory.path() + "/" + path).parent_path());
        write_bytes(directory.path() + "/" + path, text);
    }
    void remove(const std::string& path) const { fs::remove_all(directory.path() + "/" + path); }
    /// Why the session is refused; empty: it is not.
    std::string why(const std::string& cwd, Agent agent = Agent::opencode) const {
        const auto held = refuse_unheld_project(descriptor_of(agent), plan, home, directory.path() + "/" + cwd, whose);
        if (held) return "";
        EXPECT_EQ(held.error().code, ErrorCode::config_conflict);
        EXPECT_NE(held.error().hint, "");
        return held.error().message;
    }

    TemporaryHome directory;
    SessionHome home;
    Plan plan;
    UnheldOf whose = UnheldOf::anybody;
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

TEST_F(UnheldProject, IsToldWhereTheProjectsSettingsAreTaken) {
    plan.project_left_out.clear();
    const auto told = [&](const std::string& cwd, Agent agent = Agent::opencode) {
        std::vector<std::string> out;
        for (const FoundSetting& each : find_unheld(descriptor_of(agent), home, directory.path() + "/" + cwd)) {
            EXPECT_TRUE(each.path.starts_with(directory.path())) << each.path;
            EXPECT_THAT(each.effect, HasSubstr("the key included"));
            EXPECT_FALSE(each.neutralised_by);
            out.push_back(each.path.substr(directory.path().size() + 1) + ": " + each.member);
        }
        return out;
    };
    EXPECT_THAT(told("open/project/sub"), testing::IsEmpty());
    write("open/project/sub/node_modules/esprima/index.js");
    write("open/project/tsconfig.json");
    write("open/jsconfig.json", R"({"compilerOptions": {"paths": {"@/*": ["./src/*"]}}})");
    write("open/opencode.json");  // the survey tells what is in it
    EXPECT_THAT(told("open/project/sub"),
                testing::ElementsAre("open/project/sub/node_modules/esprima: esprima",
                                     "open/project/tsconfig.json: (may name the module esprima)"));
    EXPECT_THAT(told("open/project/sub", Agent::claude), testing::IsEmpty());
    make("other", 0777);
    fs::create_directory_symlink(directory.path() + "/open/project/sub", directory.path() + "/other/link");
    EXPECT_EQ(told("other/link").size(), 2U) << "where a link leads";
    EXPECT_EQ(told("open/project/sub/gone").size(), 2U);
}

TEST_F(UnheldProject, IsRefusedForAModuleOfAnyEnding) {
    for (const char* name : {"esprima", "esprima.js", "esprima.mts", "ESPRIMA", "EsPrima.js"}) {
        write("open/node_modules/" + std::string(name));
        EXPECT_THAT(why("open/project"), HasSubstr("node_modules/" + std::string(name)));
        remove("open/node_modules");
    }
    for (const char* name : {"esprima-fb/index.js", "lib/esprima.js"})
        write("open/node_modules/" + std::string(name));
    EXPECT_EQ(why("open/project"), "") << "it is another module";
    remove("open/node_modules");
    fs::create_directory_symlink(directory.path() + "/open/node_modules", directory.path() + "/open/node_modules");
    EXPECT_NE(why("open/project"), "") << "nobody can tell";
}

TEST_F(UnheldProject, IsRefusedForOneInADirectoryThatCanBeEnteredAndNotListed) {
    constexpr uid_t somebody = 4711;
    write("open/node_modules/esprima/index.js");
    EXPECT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    const std::string modules = directory.path() + "/open/node_modules";
    EXPECT_EQ(::chmod(modules.c_str(), 0111), 0);
    const bool is_root = ::geteuid() == 0;
    ASSERT_TRUE(!is_root || ::seteuid(somebody) == 0);
    const std::string told = why("open/project");
    ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
    EXPECT_EQ(::chmod(modules.c_str(), 0755), 0);
    EXPECT_THAT(told, HasSubstr("node_modules/esprima"));
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
    EXPECT_EQ(with("package.json", R"({"scripts": {"say": "echo \"fine\" C:\\new"}})"), "");
    EXPECT_EQ(with("tsconfig.json", R"({"compilerOptions": {"strict": true}})"), "");
    for (const char* text : {R"({"name": "esprima"})", R"({"name": "\u0065sprima"})"})
        EXPECT_NE(with("package.json", text), "") << text;
    EXPECT_NE(with("package.json", std::string(300 * 1024, ' ')), "") << "not all of it was read";
    EXPECT_NE(with("package.json", std::string("\xFF\xFE{\0}\0", 6)), "") << "UTF-16";
}

TEST_F(UnheldProject, IsOneWhoseTsconfigMayNameAnotherFileForTheModule) {
    const auto with = [&](const std::string& text) {
        write("open/project/tsconfig.json", text);
        return why("open/project");
    };
    write("open/project/src/x.ts");
    for (const char* text :
         {R"({"compilerOptions": {"paths": {"@/*": ["./src/*"], "~/*": ["*"]}}, "include": ["**/*.ts", "*"]})",
          R"({"compilerOptions": {"paths": {"esc*": ["./x"], "rima*": []}}, "files": []})",
          R"({"compilerOptions": {"baseUrl": "./src"}})", R"({"extends": "@tsconfig/node20/tsconfig.json"})",
          R"({/* "extends" : "../none.json", "baseUrl":"." */})",
          R"({"compilerOptions": {"paths": {"@/*": ["/usr/lib/x/*"]}, "outDir": "/tmp/out"}, "include": ["/src/*"]})"})
        EXPECT_EQ(with(text), "") << text;
    for (const char* text :
         {R"({"compilerOptions": {"paths": {"*": ["./x/*"]}}})", R"({compilerOptions: {paths: {'e*' : ['./x']}}})",
          R"({"compilerOptions": {"paths": {"esprima*"/**/: []}}})",
          R"({"compilerOptions": {"paths": {"esprima": []}}})", R"({"compilerOptions": {"paths": {`*`: []}}})",
          R"({"compilerOptions": {"path\u0073": {}}})", R"({"extends": ["./x"]})", R"({"extends"/**/: "./x"})",
          R"({"extends": "${configDir}/x"})", R"({"compilerOptions": {"baseUrl": "src/../x"}})",
          R"({"extends": "./tsconfig.json"})", R"({"compilerOptions": {"paths": {"/*": ["./x"]}}})",
          R"({"compilerOptions": {"paths": {'/home/*' : ["./x"]}}})",
          R"({"compilerOptions": {"paths": {"/home/me/plugin.js"/**/: ["./x"]}}})"})
        EXPECT_NE(with(text), "") << text;
}

TEST_F(UnheldProject, IsOneWhoseTsconfigLeadsToTheModule) {
    write("open/project/src/x.ts");
    write("open/project/tsconfig.json", R"({"extends": "../base.json"})");
    EXPECT_EQ(why("open/project"), "");
    write("open/base.json", R"({"compilerOptions": {"baseUrl": "project/src"}})");
    EXPECT_EQ(why("open/project"), "");
    for (const char* name : {"esprima", "Esprima.mjs"}) {
        write("open/project/src/" + std::string(name));
        EXPECT_THAT(why("open/project"), HasSubstr("open/project/tsconfig.json"));
        remove("open/project/src/" + std::string(name));
    }
    write("open/base.json", R"({"compilerOptions": {"paths": {"*": ["./x.js"]}}})");
    EXPECT_THAT(why("open/project"), HasSubstr("open/project/tsconfig.json"));
    write("open/base.json", R"({"extends": ")" + directory.path() + R"(/open/base.json"})");
    EXPECT_THAT(why("open/project"), HasSubstr("open/project/tsconfig.json")) << "which leads to itself";
    write("open/base.json", "{}");
    fs::rename(directory.path() + "/open/project/tsconfig.json", directory.path() + "/open/mine.json");
    fs::create_symlink("../mine.json", directory.path() + "/open/project/tsconfig.json");
    EXPECT_THAT(why("open/project"), HasSubstr("open/project/tsconfig.json")) << "from where does it lead to it?";
}

TEST_F(UnheldProject, IsOneThatLeadsToMoreThanIsLookedAt) {
    const auto with = [&](int how_many) {
        std::string text = "{";
        for (int i = 0; i < how_many; ++i)
            text += "\"baseUrl\": \"src\",";
        write("open/project/tsconfig.json", text + "}");
        return why("open/project");
    };
    EXPECT_EQ(with(32), "");
    EXPECT_NE(with(33), "");
}

// A file of 256 KiB names one directory up to 32 times, and each directory above may have two such files.
TEST_F(UnheldProject, IsOneThatHasMoreNamesReadThanAProjectNeeds) {
    constexpr int names = 3200;  // 31 times: fewer than 100,000, with "." and ".."
    write("open/project/src/0");
    for (int i = 1; i < names; ++i)
        ASSERT_EQ(::link((directory.path() + "/open/project/src/0").c_str(),
                         (directory.path() + "/open/project/src/" + std::to_string(i)).c_str()),
                  0);
    const auto with = [&](int below, int above) {
        const auto name = [](const std::string& where, int how_often) {
            std::string text = "{";
            for (int i = 0; i < how_often; ++i)
                text += "\"baseUrl\": \"" + where + "\",";
            return text + "}";
        };
        write("open/project/tsconfig.json", name("src", below));
        write("open/jsconfig.json", name("project/src", above));
        return why("open/project");
    };
    EXPECT_EQ(with(31, 0), "");
    EXPECT_THAT(with(32, 0), HasSubstr("open/project/tsconfig.json"));
    EXPECT_EQ(with(16, 15), "");
    EXPECT_THAT(with(16, 16), HasSubstr("open/jsconfig.json"));
}

// A thread of the session's user's works on it, which nothing could end.
TEST_F(UnheldProject, TakesNoLongTimeToLookAt) {
    constexpr std::size_t longest = 256 * 1024;
    const auto processor_time = [] {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return now.tv_sec;
    };
    for (const std::string part : {"*", "\"", "'*", "\"e*", "\"e*\" ", "\"/", "'/\"", "extends", "\"extends\":\"\",",
                                   "\"baseUrl\":\"", "/", " "}) {
        std::string text;
        while (text.size() + part.size() <= longest)
            text += part;
        write("open/project/tsconfig.json", text);
        const auto before = processor_time();
        why("open/project");
        EXPECT_LT(processor_time() - before, 10)
            << part << " takes over a minute where each is looked for behind all others";
    }
}

// OpenCode asks git where the repository ends, and `core.worktree` in `.git/config` says something else than `.git`.
TEST_F(UnheldProject, IsLookedForAboveARepository) {
    for (const char* name : {"objects", "refs"})
        fs::create_directories(directory.path() + "/open/project/.git/" + name);
    write("open/project/.git/HEAD", "ref: refs/heads/main\n");
    EXPECT_EQ(why("open/project/sub"), "");
    write("open/.opencode/plugin/x.js");
    EXPECT_THAT(why("open/project/sub"), HasSubstr("open/.opencode"));
}

TEST_F(UnheldProject, IsLookedForAboveEachNameOfTheDirectory) {
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
TEST_F(UnheldProject, IsAnotherUsersAlone) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a file away takes root";
    whose = UnheldOf::strangers;
    for (const char* name : {"open/project/opencode.json", "open/node_modules/esprima"}) {
        write(name);
        EXPECT_EQ(why("open/project/sub"), "");
        EXPECT_EQ(::lchown((directory.path() + "/" + name).c_str(), 4712, 4712), 0);
        EXPECT_THAT(why("open/project/sub"), HasSubstr(name));
        whose = UnheldOf::anybody;
        EXPECT_THAT(why("open/project/sub"), HasSubstr(name));
        whose = UnheldOf::strangers;
        remove(name);
    }
    write("open/project/tsconfig.json", R"({"extends": "../base.json"})");
    write("open/base.json", R"({"extends": ["../x"]})");
    EXPECT_EQ(why("open/project"), "");
    EXPECT_EQ(::lchown((directory.path() + "/open/base.json").c_str(), 4712, 4712), 0);
    EXPECT_THAT(why("open/project"), HasSubstr("open/project/tsconfig.json")) << "the user's own leads to it";
}

TEST_F(UnheldProject, IsRefusedWhereNobodyCouldLookAtAllTheNames) {
    whose = UnheldOf::strangers;
    write("open/node_modules/esprima");
    const std::string first = directory.path() + "/open/node_modules/esprima";
    for (int i = 1; i < 1000; ++i)
        ASSERT_EQ(::link(first.c_str(), (first + "." + std::to_string(i)).c_str()), 0);
    EXPECT_EQ(why("open/project"), "");
    ASSERT_EQ(::link(first.c_str(), (first + ".one-more").c_str()), 0);
    EXPECT_THAT(why("open/project"), HasSubstr(directory.path() + "/open/node_modules"));
}

}  // namespace
}  // namespace capsule::test
