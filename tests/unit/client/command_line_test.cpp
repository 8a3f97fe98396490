#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "protocol/json_rpc.hpp"
#include "tests/unit/client/run_here.hpp"

namespace capsule {
namespace {

using test::capsulectl;
using test::capsulectl_at;
using test::Outcome;
using test::Words;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Case {
    Words words;
    std::string says;
};

class UsageErrors : public testing::TestWithParam<Case> {};

TEST_P(UsageErrors, ExitWith2AndSayWhatToDo) {
    const Outcome outcome = capsulectl(GetParam().words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("capsulectl: "), HasSubstr("  hint: "), HasSubstr(GetParam().says)));
    EXPECT_THAT(outcome.err, Not(HasSubstr("FAKE")));
    EXPECT_THAT(outcome.out, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Each, UsageErrors,
    testing::Values(Case{{}, "a command is missing"}, Case{{"statsu"}, "did you mean \"status\"?"},
                    Case{{"status", "--quite"}, "did you mean \"--quiet\"?"}, Case{{"status", "x"}, "too many"},
                    Case{{"spawn"}, "AGENT"}, Case{{"spawn", "claude", "--format", "xml"}, "json"},
                    Case{{"spawn", "claude", "--env", "nonsense"}, "NAME=VALUE"}, Case{{"config"}, "hint"},
                    Case{{"auth", "set"}, "PROVIDER"},
                    Case{{"auth", "set", "zai", "sk-FAKE-0001"}, "never given as an argument"},
                    Case{{"auth", "set", "zai", "-sk-FAKE-0001"}, "unknown option"},
                    Case{{"auth", "set", "zai", "--value=sk-FAKE-0001"}, "--value"},
                    Case{{"auth", "set", "zai", "--op", "Private/zai"}, "op://"},
                    Case{{"auth", "set", "zai", "--role", "r"}, "--workspace"}, Case{{"completion", "tcsh"}, "bash"},
                    Case{{"auth", "show"}, "did you mean \"capsulectl auth list\"?"},
                    Case{{"auth", "rm", "zai"}, "did you mean \"capsulectl auth unset PROVIDER\"?"},
                    Case{{"auth", "login"}, "did you mean \"capsulectl auth set PROVIDER\"?"},
                    Case{{"auth", "zai"}, "did you mean \"capsulectl auth set zai\"?"},
                    Case{{"auth", "list", "zai"}, "shows every provider's key"},
                    Case{{"auth", "set", "zai", "--with-token"}, "read from standard input"},
                    Case{{"login"}, "did you mean \"capsulectl auth set PROVIDER\"?"},
                    Case{{"logout"}, "did you mean \"capsulectl auth unset PROVIDER\"?"},
                    Case{{"set", "zai"}, "did you mean \"capsulectl auth set PROVIDER\"?"},
                    Case{{"ps"}, "did you mean \"capsulectl sessions\"?"},
                    Case{{"run", "claude"}, "did you mean \"capsulectl exec AGENT --provider PROVIDER\"?"},
                    Case{{"inspect", "claude"}, "did you mean \"capsulectl explain AGENT\"?"},
                    Case{{"logs"}, "journalctl -u capsuled"}, Case{{"ls"}, "did you mean \"capsulectl status\"?"},
                    Case{{"version"}, "did you mean \"capsulectl --version\"?"},
                    Case{{"restart"}, "did you mean \"capsulectl reload\"?"},
                    Case{{"models"}, "did you mean \"capsulectl providers AGENT\"?"},
                    Case{{"STATUS"}, "did you mean \"status\"?"},
                    Case{{"zai"}, "did you mean \"capsulectl exec AGENT --provider zai\"?"},
                    Case{{"providers", "list"}, "capsulectl providers claude"},
                    Case{{"config", "edit"}, "edit it, then run \"capsulectl reload\""},
                    Case{{"sessions", "stop", "abcdefghij"}, "did you mean \"capsulectl sessions end ID\"?"},
                    Case{{"sessions", "inspect", "abcdefghij"}, "the ID alone shows that session"},
                    Case{{"sessions", "--follow"}, "did you mean \"--watch\"?"},
                    Case{{"usage", "zai", "--provider", "zai"}, "leave one of them out"},
                    Case{{"exec", "claude", "--provider", "zai", "--choose"}, "--provider and --choose say different"},
                    Case{{"verify", "claude", "zia"}, "did you mean --provider zai?"},
                    Case{{"explain", "claude", "kimi"}, "did you mean --provider kimi?"},
                    Case{{"exec", "claude", "zai"}, "Did you mean --provider zai?"},
                    Case{{"exec", "claude", "resume"}, "What is for the agent stands after \"--\""},
                    Case{{"exec", "claude", "sk-FAKE-0000000000000000000"}, "exec takes one AGENT"},
                    Case{{"exec", "claude", "--provder", "zai"}, "did you mean \"--provider\"?"},
                    Case{{"exec", "claude", "-p", "hi"}, "unknown option -p"},
                    Case{{"exec", "claude", "--resume"}, "stands after \"--\""}));

TEST(UsageErrorsAsJson, AreOneObjectOnStandardOutput) {
    const Outcome outcome = capsulectl({"--json", "statsu"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(boost::json::parse(outcome.out).at("error").at("data").at("code"), "client.usage");
    EXPECT_THAT(outcome.err, IsEmpty());
}

TEST(Help, IsNoError) {
    EXPECT_EQ(capsulectl({"--help"}).code, 0);
    EXPECT_THAT(capsulectl({"--help"}).out, AllOf(HasSubstr("status"), HasSubstr("Exit codes")));
    EXPECT_THAT(capsulectl({"spawn", "--help"}).out, HasSubstr("--reveal"));
    EXPECT_THAT(capsulectl({"--version"}).out, testing::StartsWith("capsulectl "));
}

TEST(Help, IsACommandTooAndEveryOneHasTwoExamples) {
    EXPECT_EQ(capsulectl({"help"}).out, capsulectl({"--help"}).out);
    EXPECT_THAT(capsulectl({"exec", "--help"}).out, HasSubstr("exec [OPTIONS] [AGENT] [-- ARGUMENTS]\n"));
    EXPECT_EQ(capsulectl({"help", "auth", "set"}).out, capsulectl({"auth", "set", "--help"}).out);
    EXPECT_EQ(capsulectl({"-V"}).out, capsulectl({"--version"}).out);
    for (const Words& command : {Words{},
                                 {"status"},
                                 {"exec"},
                                 {"spawn"},
                                 {"explain"},
                                 {"providers"},
                                 {"auth"},
                                 {"auth", "list"},
                                 {"auth", "set"},
                                 {"auth", "unset"},
                                 {"config"},
                                 {"config", "write"},
                                 {"reload"},
                                 {"sessions"},
                                 {"sessions", "end"},
                                 {"verify"},
                                 {"completion"}}) {
        Words words = command;
        words.emplace_back("--help");
        const std::string help = capsulectl(words).out;
        const std::size_t examples = help.find("Examples:\n");
        ASSERT_NE(examples, std::string::npos) << help;
        const auto lines = std::count(help.begin() + static_cast<std::ptrdiff_t>(examples), help.end(), '\n');
        EXPECT_GE(lines, 3) << help;
        EXPECT_THAT(help, Not(testing::AnyOf(HasSubstr("SUBCOMMAND"), HasSubstr("Positionals"), HasSubstr("REQUIRED"),
                                             HasSubstr("TEXT"), HasSubstr("INT"), HasSubstr("Needs:"),
                                             HasSubstr("Excludes"), HasSubstr(" in ["), HasSubstr("program version"))));
    }
}

TEST(Unreachable, ExitsWith3) {
    const Outcome outcome = capsulectl({"status", "--socket", "/nonexistent/s"});
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("/nonexistent/s"));
    const Outcome quiet = capsulectl({"status", "--quiet", "--socket", "/nonexistent/s"});
    EXPECT_EQ(quiet.code, 3);
    EXPECT_EQ(quiet.out + quiet.err, "");
    const Outcome json = capsulectl({"status", "--json", "--socket", "/nonexistent/s"});
    EXPECT_EQ(boost::json::parse(json.out).at("error").at("data").at("code"), "client.unreachable");
}

TEST(FailedCalls, ExitWithTheErrorsCodeAndPrintItsHint) {
    TestServer server([](const std::string&) {
        return error_answer({"1"}, {ErrorCode::cell_blocked, "blocked: Chat Completions only", "use claude"}) + "\n";
    });
    const Outcome outcome = capsulectl_at(server, {"exec", "codex", "--provider", "zai"});
    EXPECT_EQ(outcome.code, 6);
    EXPECT_EQ(outcome.err, "capsulectl: blocked: Chat Completions only\n  hint: use claude\n");
}

TEST(FailedCalls, AreTheDaemonsErrorObjectWithJson) {
    TestServer server([](const std::string&) { return error_answer({"1"}, {ErrorCode::key_absent, "m", "h"}) + "\n"; });
    const Outcome outcome = capsulectl_at(server, {"explain", "claude", "--json"});
    EXPECT_EQ(outcome.code, 5);
    EXPECT_EQ(boost::json::parse(outcome.out),
              boost::json::parse(R"({"error":{"code":-32005,"message":"m","data":{"code":"key.absent","hint":"h"}}})"));
}

TEST(PlanUsage, FailsWhereAProviderDidNotSay) {
    const auto answer = [](const std::string& error) {
        return R"({"providers":[{"id":"zai","label":"Z.AI","plan":null,"windows":[],"fetched_at":"","source":"documented",)"
               R"("error":)" +
               error + "}]}";
    };
    for (const auto& [error, code] : {std::pair{"\"HTTP 500\"", 1}, {"null", 0}}) {
        for (const Words& words : {Words{"usage"}, Words{"usage", "--json"}}) {
            TestServer server([&](const std::string& line) { return result_for(line, answer(error)); });
            EXPECT_EQ(capsulectl_at(server, words).code, code);
        }
    }
}

}  // namespace
}  // namespace capsule
