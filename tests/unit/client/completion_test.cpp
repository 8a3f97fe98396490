#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "tests/unit/client/run_here.hpp"

namespace capsule {
namespace {

using test::capsulectl;
using test::Outcome;
using testing::HasSubstr;
using testing::Not;

std::string bash_completes(const std::string& script, const std::string& words) {
    TemporaryDirectory directory;
    const std::string file = directory.path() + "/run.bash";
    std::ofstream(file) << script << "\nCOMP_WORDS=(" << words << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n"
                        << "_capsulectl\necho \"${COMPREPLY[*]}\"\n";
    FILE* pipe = ::popen(("bash " + file).c_str(), "r");
    std::array<char, 4096> text{};
    const std::size_t count = std::fread(text.data(), 1, text.size(), pipe);
    ::pclose(pipe);
    return {text.data(), count};
}

TEST(Completion, WorksInBash) {
    const Outcome outcome = capsulectl({"completion", "bash"});
    ASSERT_EQ(outcome.code, 0);
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl sta"), "status\n");
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl auth s"), "set\n");
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl --json auth set --w"), "--workspace\n");
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl spawn --format s"), "shell\n");
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl spawn --format = s"), "shell\n") << "bash splits at the =";
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl spawn --format ="), "json shell env0\n");
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl exec co"), "codex\n");
    EXPECT_EQ(bash_completes(outcome.out, "capsulectl completion z"), "zsh\n");
}

TEST(Completion, IsSilentWhenTheDaemonIsAway) {
    const Outcome away = capsulectl({"words", "models", "--socket", "/nonexistent/s"});
    EXPECT_EQ(away.code, 0);
    EXPECT_EQ(away.out + away.err, "");
    EXPECT_THAT(capsulectl({"--help"}).out, Not(HasSubstr("words"))) << "it is for the scripts";
    EXPECT_THAT(capsulectl({"word"}).err, Not(HasSubstr("words")));
}

TEST(Completion, NamesEveryCommandForEveryShell) {
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        const Outcome outcome = capsulectl({"completion", shell});
        for (const char* word : {"status", "providers", "auth", "unset", "spawn", "explain", "exec", "config", "write",
                                 "reload", "completion", "provider", "reveal"})
            EXPECT_THAT(outcome.out, HasSubstr(word)) << shell;
    }
}

}  // namespace
}  // namespace capsule
