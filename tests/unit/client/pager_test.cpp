#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "client/commands/pager.hpp"

namespace capsule {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::StartsWith;

constexpr uid_t somebody = 1000;

EnvironmentLookup of(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(std::string(name));
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

class PagerTest : public ::testing::Test {
  protected:
    PagerTest() {
        std::string place = (std::filesystem::temp_directory_path() / "pager-XXXXXX").string();
        directory_ = ::mkdtemp(place.data());
        for (const char* name : {"less", "most"}) {
            std::ofstream(directory_ / name) << "#!/bin/sh\n";
            ::chmod((directory_ / name).c_str(), 0755);
        }
    }
    ~PagerTest() override { std::filesystem::remove_all(directory_); }

    std::string there(const char* name) const { return (directory_ / name).string(); }

    std::filesystem::path directory_;
};

TEST_F(PagerTest, CapsulesGoesBeforeEverybodysAndLessIsTheLast) {
    const std::string path = directory_.string();
    EXPECT_EQ(pager_of(somebody, of({{"PATH", path}}))->program, there("less"));
    EXPECT_EQ(pager_of(somebody, of({{"PATH", path}, {"PAGER", "most -s"}}))->program, there("most"));
    EXPECT_THAT(pager_of(somebody, of({{"PATH", path}, {"PAGER", "most -s"}}))->argv, ElementsAre("most", "-s"));
    EXPECT_EQ(pager_of(somebody, of({{"PATH", path}, {"PAGER", "most"}, {"CAPSULE_PAGER", "less"}}))->program,
              there("less"));
    EXPECT_FALSE(pager_of(somebody, of({{"PATH", path}, {"PAGER", "most"}, {"CAPSULE_PAGER", ""}})));
    EXPECT_FALSE(pager_of(somebody, of({{"PATH", path}, {"PAGER", "cat"}})));
    EXPECT_FALSE(pager_of(somebody, of({{"PATH", "relative:/nonexistent"}})));
    EXPECT_THAT(pager_of(somebody, of({{"PATH", path}}))->settings, ElementsAre("LESS=FRX"));
    EXPECT_THAT(pager_of(somebody, of({{"PATH", path}, {"LESS", "-S"}}))->settings, ElementsAre()) << "the user's own";
}

TEST_F(PagerTest, RootNeverRunsAnAgentsPager) {
    const std::string path = directory_.string();
    for (const std::string& chosen :
         {there("less"), std::string("less"), "/usr/bin/../.." + there("most"), there("most"), "env " + there("most"),
          "/usr/bin/env " + there("most"), "sh -c " + there("most"), "/usr/bin/find " + there("most") + " -exec {} ;",
          std::string("sh"), "less -k" + there("keys")}) {
        const auto pager =
            pager_of(0, of({{"PATH", path}, {"PAGER", chosen}, {"LESSOPEN", "|evil"}, {"LD_PRELOAD", "evil.so"}}));
        if (!pager) continue;  // a machine without less
        EXPECT_EQ(pager->program, "/usr/bin/less") << chosen;
        EXPECT_THAT(pager->argv, ElementsAre("less")) << chosen;
        EXPECT_FALSE(pager->with_callers_environment);
        EXPECT_THAT(pager->settings, Contains("LESSSECURE=1"));
        EXPECT_THAT(pager->settings, Contains("PATH=/usr/bin:/bin"));
        for (const char* name : {"LESSOPEN", "LD_PRELOAD"})
            EXPECT_THAT(pager->settings, Not(Contains(StartsWith(name))));
    }
}

TEST_F(PagerTest, RootMayHaveMore) {
    for (const char* chosen : {"more", "/usr/bin/more", "/bin/more", "more -d"}) {
        const auto pager = pager_of(0, of({{"PAGER", chosen}}));
        if (!pager) continue;  // a machine without it
        EXPECT_EQ(pager->program, "/usr/bin/more") << chosen;
        EXPECT_THAT(pager->argv, ElementsAre("more")) << chosen;
    }
    EXPECT_FALSE(pager_of(0, of({{"PAGER", "cat"}})));
}

TEST(NeedsPager, CountsTheLinesOfTheTerminal) {
    EXPECT_FALSE(needs_pager("a\nb\nc\n", 80, 4)) << "and the prompt";
    EXPECT_TRUE(needs_pager("a\nb\nc\nd\n", 80, 4));
    EXPECT_TRUE(needs_pager("a\n" + std::string(160, 'x') + "\n\n", 80, 4)) << "a long line takes two";
    EXPECT_TRUE(needs_pager("a\n\n\n\n", 80, 4)) << "an empty line is one";
    EXPECT_FALSE(needs_pager("a\nb\nc\nd\n", 0, 0)) << "a terminal without a size";
}

}  // namespace
}  // namespace capsule
