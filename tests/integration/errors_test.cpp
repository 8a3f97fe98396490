// Every bad input gets its own error that says what to do; the daemon goes on.
#include <unistd.h>

#include <sys/stat.h>
#include <sstream>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

using Errors = CapsuleTest;

TEST_F(Errors, UnknownNamesGetTheNearestOne) {
    start();
    EXPECT_THAT(expect_error("statsu", "{}", -32601, ""), HasSubstr("statsu"));
    EXPECT_EQ(text_at(refused("statsu"), "/data/code"), "method_not_found");
    EXPECT_THAT(text_at(refused("statsu"), "/data/hint"), HasSubstr("status"));
    for (const char* method : {"spawn", "explain", "config.write", "providers.list"})
        EXPECT_THAT(expect_error(method, R"({"agent":"cluade"})", -32002, "agent.unknown"), HasSubstr("claude"));
    for (const auto& [word, meant] :
         {std::pair{"claude-code", "claude"}, {"CODEX", "codex"}, {"Claude Code", "claude"}, {"OpenCod", "opencode"}})
        EXPECT_THAT(expect_error("spawn", std::string(R"({"agent":")") + word + "\"}", -32002, "agent.unknown"),
                    HasSubstr(std::string("Did you mean \"") + meant + "\"?"));
    for (const char* model : {"glm-5.3", "kimi-for-coding"})
        EXPECT_THAT(expect_error("spawn", std::string(R"({"agent":"claude","provider":")") + model + "\"}", -32003,
                                 "provider.unknown"),
                    HasSubstr("Did you mean"));
    for (const char* method : {"spawn", "explain"})
        EXPECT_THAT(expect_error(method, R"({"agent":"claude","provider":"zia"})", -32003, "provider.unknown"),
                    HasSubstr("zai"));
}

TEST_F(Errors, CellsThatCannotWorkAreNeverStarted) {
    start({.config = "[providers.zai.codex]\nblocked = \"not this month\"\n"});
    for (const char* method : {"spawn", "explain"})
        EXPECT_THAT(expect_error(method, R"({"agent":"codex","provider":"zai"})", -32004, "cell.blocked"),
                    HasSubstr("not this month"));
    for (const char* cell : {R"({"agent":"claude","provider":"openai"})", R"({"agent":"codex","provider":"anthropic"})",
                             R"({"agent":"opencode","provider":"openai"})"})
        expect_error("spawn", cell, -32004, "cell.unsupported");
    EXPECT_FALSE(fs::exists(home() / ".codex"));
}

TEST_F(Errors, AMissingKeyIsNeverReplacedByAnotherAccount) {
    start(
        {.env = {{"ANTHROPIC_API_KEY", std::string(keys::anthropic)}, {"OPENAI_API_KEY", std::string(keys::openai)}}});
    for (const char* cell : {R"({"agent":"claude","provider":"zai"})", R"({"agent":"codex","provider":"minimax"})",
                             R"({"agent":"opencode","provider":"kimi"})",
                             R"({"agent":"claude","provider":"minimax","model":"MiniMax-M3"})"})
        for (const char* method : {"spawn", "explain"}) {
            const std::string said = expect_error(method, cell, -32005, "key.absent");
            EXPECT_THAT(said, HasSubstr("_API_KEY")) << "which";
            EXPECT_THAT(said, HasSubstr("https://")) << "where to get one";
        }
    stop();
    start({.env = {}});
    expect_error("spawn", R"({"agent":"opencode","provider":"anthropic"})", -32005, "key.absent");
    expect_error("spawn", R"({"agent":"opencode"})", -32005, "key.absent");
    EXPECT_TRUE(fs::is_empty(home()));
}

TEST_F(Errors, SeveralProvidersAndNoneNamedIsAskedBack) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"KIMI_CODE_API_KEY", std::string(keys::kimi)}}});
    EXPECT_THAT(expect_error("spawn", R"({"agent":"opencode"})", -32602, ""),
                AllOf(HasSubstr("zai"), HasSubstr("kimi")));
}

TEST_F(Errors, BadParametersAreNamed) {
    start();
    struct Bad {
        const char *method, *params, *named;
    };
    for (const Bad& bad : {
             Bad{"status", R"({"verbose":true})", "verbose"},
             Bad{"spawn", "{}", "agent"},
             Bad{"spawn", R"({"agent":7})", "agent"},
             Bad{"spawn", R"({"agent":null})", "agent"},
             Bad{"spawn", R"(["claude"])", "name"},
             Bad{"spawn", R"({"agent":"claude","provder":"zai"})", "provder"},
             Bad{"spawn", R"({"agent":"claude","provider":["zai"]})", "provider"},
             Bad{"spawn", R"({"agent":"claude","model":1.5})", "model"},
             Bad{"spawn", R"({"agent":"claude","provider":"zai","model":""})", "model"},
             Bad{"spawn", R"({"agent":"claude","provider":"zai","model":"glm 5"})", "model"},
             Bad{"spawn", R"({"agent":"claude","provider":"zai","model":"glm\u0007"})", "model"},
             Bad{"spawn", R"({"agent":"opencode","provider":"kimi","model":"zai/glm-5.3"})", "zai"},
             Bad{"spawn", R"({"agent":"claude","env":{"A":1}})", "env"},
             Bad{"spawn", R"({"agent":"claude","env":["A=1"]})", "env"},
             Bad{"spawn", R"({"agent":"claude","env":{"1A":"x"}})", "1A"},
             Bad{"spawn", R"({"agent":"claude","env":{"":"x"}})", "env"},
             Bad{"spawn", R"({"agent":"claude","env":{"A=B":"x"}})", "A=B"},
             Bad{"spawn", R"({"agent":"claude","env":{"TERM":"a\u0000b"}})", "TERM"},
             Bad{"spawn", R"({"agent":"claude","workspace":"../x"})", "workspace"},
             Bad{"spawn", R"({"agent":"claude","workspace":""})", "workspace"},
             Bad{"spawn", R"({"agent":"claude","role":"a/b"})", "role"},
             Bad{"spawn", R"({"agent":"claude","role":"..","workspace":"a"})", "role"},
             Bad{"explain", R"({"agent":"claude","reveal":true})", "reveal"},
             Bad{"config.write", R"({"agent":"codex","provider":"minimax"})", "provider"},
             Bad{"providers.list", "{}", "agent"},
             Bad{"providers.list", R"({"agent":"claude","workspace":"a b"})", "workspace"},
             Bad{"auth.list", R"({"provider":"zai"})", "provider"},
             Bad{"auth.list", R"({"role":"-x","workspace":"a"})", "role"},
             Bad{"reload", R"({"config":"/x"})", "config"},
             Bad{"rpc.discover", R"({"x":1})", "x"},
         })
        EXPECT_THAT(expect_error(bad.method, bad.params, -32602, ""), HasSubstr(bad.named)) << bad.method << bad.params;
    const std::string long_name(65, 'w');
    expect_error("spawn", R"({"agent":"claude","workspace":")" + long_name + "\"}", -32602, "");
    call("spawn", R"({"agent":"claude","workspace":")" + long_name.substr(1) + R"(","role":"a.b_c-1"})");
    const auto in = [](std::size_t bytes) {
        return R"({"agent":"claude","provider":"zai","cwd":")" + std::string(bytes, '/') + "\"}";
    };
    call("explain", in(4095));
    EXPECT_THAT(expect_error("explain", in(4096), -32602, ""), HasSubstr("4096 bytes"));
}

// Without this the session would run on the global key, in silence.
TEST_F(Errors, AMistypedWorkspaceOrRoleIsNoSession) {
    const std::string known = "[workspaces.acme.roles.reviewer.env]\nZAI_API_KEY = \"FAKE-reviewers-key\"\n";
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}, .config = known});
    for (const std::string method : {"spawn", "explain", "providers.list", "auth.list"}) {
        const std::string agent = method == "auth.list" ? "{" : R"({"agent":"claude",)";
        EXPECT_THAT(expect_error(method, agent + R"("workspace":"amce"})", -32012, "scope.unknown"),
                    HasSubstr("Did you mean \"acme\"?"))
            << method;
        EXPECT_THAT(expect_error(method, agent + R"("workspace":"acme","role":"reviewr"})", -32012, "scope.unknown"),
                    HasSubstr("Did you mean \"reviewer\"?"))
            << method;
        EXPECT_THAT(expect_error(method, agent + R"("workspace":"elsewhere"})", -32012, "scope.unknown"),
                    Not(HasSubstr("acme")))
            << "whoever may ask is not told what there is";
        call(method, agent + R"("workspace":"acme","role":"reviewer"})");
    }
    // What auth.set stores makes its workspace known.
    call("auth.set", R"({"provider":"kimi","value":"sk-ki-FAKE-stored","scope":{"workspace":"new"}})");
    call("spawn", R"({"agent":"claude","provider":"kimi","workspace":"new"})");

    write_file(config_file(), known + "[session]\nunknown_scopes = \"allow\"\n");
    call("reload");
    call("spawn", R"({"agent":"claude","provider":"zai","workspace":"amce","role":"reviewr"})");
}

TEST_F(Errors, AScopeThatChangesNothingIsSaid) {
    start();
    const auto warned = [&](const std::string& scope) {
        const json::value plan = call("explain", R"({"agent":"claude","provider":"zai",)" + scope + "}");
        std::string said;
        for (const json::value& warning : at(plan, "/warnings").as_array())
            if (text_at(warning, "/code") == "scope.unused") said += text_at(warning, "/message");
        return said;
    };
    EXPECT_THAT(warned(R"("workspace":"acme")"), HasSubstr("no workspace is configured, so \"acme\" changes nothing"));
    EXPECT_THAT(warned(R"("role":"reviewer")"), HasSubstr("no role is configured, so \"reviewer\" changes nothing"));

    write_file(config_file(), "[workspaces.acme.roles.reviewer.env]\nZAI_API_KEY = \"FAKE-reviewers-key\"\n");
    call("reload");
    EXPECT_EQ(warned(R"("workspace":"acme","role":"reviewer")"), "");
    EXPECT_THAT(warned(R"("role":"reviewer")"), HasSubstr("name the workspace too"));

    write_file(config_file(), "[session]\nunknown_scopes = \"allow\"\n");
    call("reload");
    EXPECT_EQ(warned(R"("workspace":"acme","role":"reviewer")"), "") << "a launcher that names every workspace";
}

TEST_F(Errors, AKeyThatSomebodyTypesIntoARequestIsNotRepeated) {
    start();
    const std::string env =
        R"({"agent":"claude","provider":"zai","env":{"ZAI_API_KEY":"sk-cp-FAKE-typed-0001\u0000"}})";
    EXPECT_THAT(json::serialize(refused("spawn", env)), Not(HasSubstr(keys::mark)));
}

TEST_F(Errors, AFileThatCannotBeWrittenIsNamedWithACure) {
    start();
    fs::create_directories(home() / ".codex/config.toml");
    EXPECT_THAT(expect_error("config.write", R"({"agent":"codex"})", -32008, "io.error"), HasSubstr("config.toml"));
    write_file(home() / ".config", "a file where a directory should be");
    EXPECT_THAT(expect_error("config.write", R"({"agent":"opencode"})", -32008, "io.error"), HasSubstr(".config"));
}

TEST_F(Errors, AnUnwritableHome) {
    if (am_root())
        start({.identity = nobody});
    else
        start();
    fs::permissions(home(), fs::perms{0555});
    const std::string before = snapshot(home());
    // A session needs no file; what it goes without is said, by explain too.
    for (const char* method : {"spawn", "explain"}) {
        const json::value plan = call(method, R"({"agent":"codex","provider":"minimax"})");
        EXPECT_THAT(json::serialize(at(plan, "/warnings")),
                    AllOf(HasSubstr("file.not_written"), HasSubstr(home().string())));
        EXPECT_THAT(json::serialize(at(plan, "/argv")), Not(HasSubstr("model_catalog_json")));
    }
    expect_error("config.write", R"({"agent":"codex"})", -32008, "io.error");
    expect_error("config.write", R"({"agent":"opencode"})", -32008, "io.error");
    EXPECT_EQ(snapshot(home()), before);
    call("spawn", R"({"agent":"claude","provider":"zai"})");  // needs no file
    fs::permissions(home(), fs::perms{0755});
    call("spawn", R"({"agent":"codex","provider":"minimax"})");
}

TEST_F(Errors, AFifoOrAHugeFileNeverHangsTheDaemon) {
    start();
    fs::create_directories(home() / ".codex");
    ASSERT_EQ(mkfifo((home() / ".codex/config.toml").c_str(), 0600), 0);
    // What is in it Codex would take into the session.
    const auto expect_error_of_it = [&] {
        EXPECT_THAT(expect_error("spawn", R"({"agent":"codex","provider":"minimax"})", -32008, "io.error"),
                    HasSubstr(".codex/config.toml"));
        expect_error("config.write", R"({"agent":"codex"})", -32008, "io.error");
    };
    expect_error_of_it();
    fs::remove(home() / ".codex/config.toml");
    write_file(home() / ".codex/config.toml", "");
    fs::resize_file(home() / ".codex/config.toml", 1ULL << 40);
    expect_error_of_it();
}

TEST_F(Errors, OtherUsersGetNoKeys) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start();
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    const std::string requests = request("1", "spawn", R"({"agent":"claude","provider":"zai"})") + "\n" +
                                 request("2", "config.write", R"({"agent":"codex"})") + "\n" + request("3", "reload") +
                                 "\n" + request("4", "explain", R"({"agent":"claude","provider":"zai"})") + "\n";
    const Outcome outcome = run_command(
        {.argv = {"/usr/bin/socat", "-t5", "-", "UNIX-CONNECT:" + socket().string()}, .identity = nobody}, requests);
    std::istringstream lines(outcome.out);
    int answers = 0;
    for (std::string line; std::getline(lines, line); ++answers) {
        EXPECT_EQ(at(parse(line), "/error/code").to_number<int>(), -32001) << line;
        EXPECT_EQ(text_at(parse(line), "/error/data/code"), "access.denied");
        EXPECT_FALSE(text_at(parse(line), "/error/data/hint").empty());
    }
    EXPECT_EQ(answers, 4) << outcome.out << outcome.err;
    EXPECT_TRUE(fs::is_empty(home()));
    EXPECT_THAT(daemon().log(), AllOf(HasSubstr("65534"), HasSubstr("spawn"))) << "each denial is logged";
}

TEST_F(Errors, NothingOfTheDaemonsEnvironmentCanBeReadFromProc) {
    start();
    std::string environ;
    try {
        environ = read_file("/proc/" + std::to_string(daemon().pid()) + "/environ");
    } catch (const std::runtime_error&) {
        return;  // not dumpable, and we are not root
    }
    EXPECT_THAT(environ, Not(HasSubstr(keys::mark)));
}

}  // namespace
}  // namespace capsule::test
