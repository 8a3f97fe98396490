#include "client/shell.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace capsule {
namespace {

/// What a real shell makes of it.
std::string run_shell(const std::string& script) {
    const std::string command = "/bin/sh -c " + shell_quoted(script);
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    std::array<char, 256> chunk;
    for (std::size_t count = 0; (count = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
        out.append(chunk.data(), count);
    ::pclose(pipe);
    return out;
}

TEST(ShellQuoted, LeavesPlainWordsAndQuotesAllElse) {
    EXPECT_EQ(shell_quoted("--model"), "--model");
    EXPECT_EQ(shell_quoted(""), "''");
    EXPECT_EQ(shell_quoted("a b"), "'a b'");
    EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_quoted("A=b"), "'A=b'");
    EXPECT_EQ(shell_quoted("~"), "'~'");
}

TEST(ShellQuoted, SurvivesAShell) {
    for (const std::string word :
         {"$HOME", "`id`", "a\nb", "\\", "'", "\"", "'''", "*", "!x", "#", "a;b|c&d", "~", "é"})
        EXPECT_EQ(run_shell("printf %s " + shell_quoted(word)), word);
}

TEST(ShellScript, UnsetsExportsAndBecomesTheProgram) {
    SpawnResult session;
    session.env = {{"PATH", "/usr/bin:/bin"}, {"VALUE", "it's $5\n\"x\""}};
    session.unset = {"CAPSULE_TEST_GONE", "CAPSULE_TEST_NEVER"};
    session.argv = {"sh", "-c", "printf '%s|%s|%s' \"$VALUE\" \"${CAPSULE_TEST_GONE-unset}\" \"$0\"", "a b"};
    EXPECT_EQ(run_shell("export CAPSULE_TEST_GONE=1\n" + shell_script(session)), "it's $5\n\"x\"|unset|a b");
}

TEST(Env0, IsEachVariableAndThenEachWord) {
    SpawnResult session;
    session.env = {{"A", "1"}, {"B", "x y\n"}};
    session.argv = {"claude", "--model", "m"};
    using namespace std::string_literals;
    EXPECT_EQ(env0(session), "A=1\0B=x y\n\0claude\0--model\0m\0"s);
}

}  // namespace
}  // namespace capsule
