#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <fstream>

#include "tests/unit/client/run_here.hpp"

namespace capsule {
namespace {

using test::capsulectl_at;
using test::Outcome;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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

}  // namespace
}  // namespace capsule
