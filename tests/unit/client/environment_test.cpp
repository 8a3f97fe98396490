#include "client/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsule {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;

TEST(OfferedEnvironment, LeavesOutWhatCannotOrShouldNotBeSent) {
    const char* const environment[] = {"TERM=xterm",
                                       "EMPTY=",
                                       "A=b=c",
                                       "ZAI_API_KEY=sk-FAKE-0001",
                                       "BASH_FUNC_f%%=()",
                                       "no equals",
                                       "1X=1",
                                       "=x",
                                       "LATIN=caf\xe9",
                                       "UTF8=café",
                                       "GH_TOKEN=gh-FAKE",
                                       nullptr};
    const auto offered = offered_environment(environment, environment_limit);
    EXPECT_EQ(offered.variables,
              (std::map<std::string, std::string>{
                  {"TERM", "xterm"}, {"EMPTY", ""}, {"A", "b=c"}, {"UTF8", "café"}, {"GH_TOKEN", "gh-FAKE"}}));
    EXPECT_THAT(offered.left_out, ElementsAre("LATIN"));
}

TEST(OfferedEnvironment, RefusesEveryKindOfBrokenUtf8) {
    for (const char* value : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                              "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
        const std::string entry = std::string("A=") + value;
        const char* const environment[] = {entry.c_str(), nullptr};
        EXPECT_THAT(offered_environment(environment, 1000).variables, IsEmpty());
    }
    const char* const fine[] = {"A=\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf", nullptr};
    EXPECT_THAT(offered_environment(fine, 1000).left_out, IsEmpty());
}

TEST(OfferedEnvironment, GivesUpTheLargestFirst) {
    const std::string large = "LARGE=" + std::string(500, 'x');
    const std::string escaped = "ESCAPED=" + std::string(100, '\x01');  // six bytes each in JSON
    const char* const environment[] = {"A=1", large.c_str(), escaped.c_str(), "B=2", nullptr};
    const auto offered = offered_environment(environment, 300);
    EXPECT_THAT(offered.variables, ElementsAre(Key("A"), Key("B")));
    EXPECT_THAT(offered.left_out, ElementsAre("ESCAPED", "LARGE"));
    EXPECT_THAT(offered_environment(environment, 600).left_out, ElementsAre("ESCAPED"));
}

TEST(OfferedEnvironment, TakesNone) {
    EXPECT_THAT(offered_environment(nullptr, 10).variables, IsEmpty());
}

}  // namespace
}  // namespace capsule
