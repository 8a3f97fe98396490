#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <fstream>

#include "client/commands/command_table.hpp"
#include "client/commands/completion_script.hpp"
#include "client/commands/run.hpp"
#include "client/commands/split_exec.hpp"
#include "protocol/json_rpc.hpp"
#include "test_server.hpp"

namespace capsule {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Words = std::vector<std::string>;

struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
};

/// capsulectl with these words, standard streams captured, in this process.
Outcome capsulectl(const Words& words) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = static_cast<int>(run_capsulectl(words));
    std::fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

Outcome capsulectl_at(const TestServer& server, Words words) {
    words.insert(words.begin(), {"--socket", server.path()});
    return capsulectl(words);
}

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

constexpr std::string_view session = R"json({"agent":"claude","provider":"zai","label":"Z.AI",
"tab_label":"Claude (Z.AI)","model":"glm-5.3",
"argv":["sh","-c","printf '%s ' \"$ONLY\" \"$@\" > \"$OUT\"","sh"],
"env":{"ONLY":"this","PATH":"/usr/bin:/bin","OUT":"<OUT>","ANTHROPIC_AUTH_TOKEN":"sk-FAKE-zai-key-0001"},
"unset":["OPENAI_API_KEY"],"dropped":[],"user":{"name":"me","uid":<UID>,"gid":<GID>,"groups":[<GID>]},
"files":[],"warnings":[{"code":"a.b","message":"mind this"}]})json";

std::string session_for(const std::string& out) {
    std::string text(session);
    for (const auto& [from, to] : {std::pair{std::string("<OUT>"), out},
                                   {"<UID>", std::to_string(::geteuid())},
                                   {"<GID>", std::to_string(::getegid())}})
        for (std::size_t at = 0; (at = text.find(from)) != std::string::npos;)
            text.replace(at, from.size(), to);
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

/// What a daemon answers to `line`: whose session it would be, or the session, which is `spawned`.
std::string answer_of_a_daemon(const std::string& line, const std::string& spawned) {
    if (line.find(R"("method":"explain")") == std::string::npos) return result_for(line, spawned);
    const std::string uid = std::to_string(::geteuid());
    return result_for(line, R"x({"agent":"claude","provider":"zai","label":"Z.AI","tab_label":"Claude (Z.AI)",)x"
                            R"x("argv":[],"arguments":[],"env":[],"unset":[],"dropped":[],"files":[],"settings":[],)x"
                            R"x("warnings":[],"user":{"name":"me","uid":)x" +
                                uid + R"(,"gid":)" + uid + R"(,"groups":[]}})");
}

TEST(Spawn, PrintsTheWholeAnswerWhenPiped) {
    TestServer server([](const std::string& line) { return result_for(line, session_for("/x")); });
    const Outcome outcome = capsulectl_at(server, {"spawn", "claude"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(boost::json::parse(outcome.out), boost::json::parse(session_for("/x")));
}

TEST(Spawn, PrintsLinesForAShell) {
    TestServer server([](const std::string& line) { return answer_of_a_daemon(line, session_for("/x")); });
    const Outcome outcome = capsulectl_at(server, {"spawn", "claude", "--format", "shell"});
    EXPECT_THAT(outcome.out, AllOf(testing::StartsWith("unset OPENAI_API_KEY\nexport "), HasSubstr("\nexec sh -c ")));
    EXPECT_EQ(outcome.err, "! mind this\n");
}

TEST(Spawn, OffersTheCallersEnvironmentWithoutWhatLooksLikeAKey) {
    std::string seen;
    TestServer server([&](const std::string& line) {
        seen = line;
        return result_for(line, session_for("/x"));
    });
    ::setenv("CAPSULE_TEST_PLAIN", "1", 1);
    ::setenv("CAPSULE_TEST_API_KEY", "sk-FAKE-0001", 1);
    capsulectl_at(server, {"spawn", "claude", "--provider=zai", "--env", "A=b=c", "--env", "B=", "--cwd", "/tmp"});
    ::unsetenv("CAPSULE_TEST_PLAIN");
    ::unsetenv("CAPSULE_TEST_API_KEY");
    const auto params = boost::json::parse(seen).at("params");
    EXPECT_EQ(params.at("provider"), "zai");
    EXPECT_EQ(params.at("cwd"), "/tmp");
    EXPECT_EQ(params.at("env").at("A"), "b=c");
    EXPECT_EQ(params.at("env").at("B"), "");
    EXPECT_EQ(params.at("env").at("CAPSULE_TEST_PLAIN"), "1");
    EXPECT_THAT(seen, Not(HasSubstr("FAKE")));
}

TEST(Exec, BecomesTheAgentWithItsEnvironmentAndArguments) {
    TemporaryDirectory directory;
    const std::string out = directory.path() + "/out";
    TestServer server([&](const std::string& line) { return result_for(line, session_for(out)); });
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(STDERR_FILENO);
        ::_exit(
            static_cast<int>(run_capsulectl({"--socket", server.path(), "exec", "claude", "--", "-p", "hi there"})));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    std::ifstream file(out);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "this -p hi there ");
}

TEST(Exec, SaysWhichVariableOfTheCommandLineIsNotPassed) {
    TemporaryDirectory directory;
    std::string answer = session_for(directory.path() + "/out");
    answer.replace(answer.find("\"dropped\":[]"), 12, "\"dropped\":[\"FOO\",\"OTHER\"]");
    TestServer server([&](const std::string& line) { return answer_of_a_daemon(line, answer); });
    const Outcome outcome =
        capsulectl_at(server, {"spawn", "claude", "--format", "shell", "--env", "FOO=bar", "--env", "LANG=C"});
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("--env FOO is not passed"), HasSubstr("passthrough")));
    EXPECT_THAT(outcome.err, Not(testing::AnyOf(HasSubstr("OTHER"), HasSubstr("LANG"), HasSubstr("bar"))));
}

TEST(Exec, NamesTheAgentsWhenNoneIsNamed) {
    TestServer server([](const std::string& line) {
        return result_for(line, R"({"version":"1","protocol":1,"pid":1,"uptime_s":1,"socket":"s",)"
                                R"("config":{"path":null,"loaded_at":null,"ok":true,"error":null},)"
                                R"("agents":[{"id":"claude","label":"Claude","binary":null,"version":null}],)"
                                R"("providers":[],"requests":{"total":1,"errors":0},)"
                                R"("connections":{"open":1,"limit":2},"warnings":[]})");
    });
    const Outcome outcome = capsulectl_at(server, {"exec", "--", "-p"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("which agent? name one of claude"));
}

class Split : public testing::Test {
  protected:
    Split() { add_commands(app_, invocation_); }
    void expect(const Words& words, const Words& own, const Words& agents) {
        const auto split = split_exec(words, app_);
        EXPECT_EQ(split.own, own);
        EXPECT_EQ(split.agent_arguments, agents);
    }
    Invocation invocation_;
    CLI::App app_;
};

TEST_F(Split, LeavesOtherCommandsAlone) {
    expect({"spawn", "claude", "--", "x"}, {"spawn", "claude", "--", "x"}, {});
    expect({"--socket", "exec", "status"}, {"--socket", "exec", "status"}, {});
    expect({}, {}, {});
}

TEST_F(Split, TakesForTheAgentsOnlyWhatFollowsTheSeparator) {
    expect({"exec", "claude"}, {"exec", "claude"}, {});
    expect({"exec", "claude", "-p", "hi"}, {"exec", "claude", "-p", "hi"}, {});
    expect({"exec", "claude", "--provider", "zai", "--", "--model", "x"}, {"exec", "claude", "--provider", "zai"},
           {"--model", "x"});
    expect({"--socket", "/s", "exec", "claude", "--"}, {"--socket", "/s", "exec", "claude"}, {});
    expect({"--socket=/s", "--json", "exec", "--", "-p"}, {"--socket=/s", "--json", "exec"}, {"-p"});
    expect({"exec", "claude", "--", "--", "x"}, {"exec", "claude"}, {"--", "x"});
}

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
