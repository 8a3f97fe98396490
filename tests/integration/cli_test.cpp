// capsulectl: every command, --json, and every exit code.
#include <unistd.h>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

class Cli : public CapsuleTest {
  protected:
    /// The JSON that a command prints; it must succeed.
    json::value printed(std::vector<std::string> arguments) const {
        const Outcome outcome = ctl(arguments);
        EXPECT_EQ(outcome.exit_code, 0) << arguments.front() << ": " << outcome.err;
        return parse(outcome.out);
    }

    void expect_failure(const std::vector<std::string>& arguments, int exit_code, std::string_view said) const {
        const Outcome outcome = ctl(arguments);
        EXPECT_EQ(outcome.exit_code, exit_code) << arguments.front() << ": " << outcome.err;
        EXPECT_THAT(outcome.err, HasSubstr(said)) << arguments.front();
        EXPECT_THAT(outcome.out, IsEmpty()) << "an error is no output";
    }
};

TEST_F(Cli, StatusIsAPageThatAPersonUnderstands) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}});
    const Outcome page = ctl({"status"});
    EXPECT_EQ(page.exit_code, 0) << page.err;
    EXPECT_THAT(page.out, AllOf(HasSubstr("0.1.0"), HasSubstr(std::to_string(daemon().pid())), HasSubstr("Z.AI"),
                                HasSubstr("MiniMax"), HasSubstr("Kimi"), HasSubstr("environment")));
    EXPECT_THAT(page.out, AllOf(HasSubstr("0004"), HasSubstr("no key"), HasSubstr("native"), HasSubstr("ready")));
    EXPECT_THAT(page.out, Not(HasSubstr(keys::mark)));
    EXPECT_THAT(page.out, Not(HasSubstr("\x1b["))) << "no colours into a pipe";
}

TEST_F(Cli, StatusQuietIsForHealthChecks) {
    start();
    const Outcome good = ctl({"status", "--quiet"});
    EXPECT_EQ(good.exit_code, 0);
    EXPECT_THAT(good.out + good.err, IsEmpty());
    write_file(config_file(), "nonsense = 1\n");
    refused("reload");
    const Outcome bad = ctl({"status", "--quiet"});
    EXPECT_EQ(bad.exit_code, 1);
    EXPECT_THAT(bad.out, IsEmpty());
    EXPECT_THAT(ctl({"status"}).out, HasSubstr("nonsense")) << "the page says what is wrong";
    write_file(config_file(), "[session]\nkyes = \"broker\"\n");
    refused("reload");
    EXPECT_THAT(ctl({"status"}).out,
                AllOf(HasSubstr("unknown setting; Did you mean \"keys\"?"), Not(HasSubstr("?kyes"))));
}

TEST_F(Cli, JsonIsTheMethodsResult) {
    start();
    EXPECT_EQ(at(printed({"--json", "status"}), "/pid").to_number<int>(), daemon().pid());
    EXPECT_EQ(printed({"--json", "providers", "claude"}), call("providers.list", R"({"agent":"claude"})"));
    EXPECT_EQ(printed({"--json", "auth"}), call("auth.list"));
    EXPECT_EQ(printed({"--json", "auth", "list"}), call("auth.list"));
    call("config.write", R"({"agent":"opencode"})");
    EXPECT_EQ(printed({"--json", "config", "write", "opencode"}), call("config.write", R"({"agent":"opencode"})"));
    EXPECT_TRUE(at(printed({"--json", "reload"}), "/ok").as_bool());
    const json::value explained = printed({"--json", "explain", "claude", "--provider", "zai"});
    EXPECT_EQ(text_at(explained, "/provider"), "zai");
    EXPECT_THAT(json::serialize(explained), Not(HasSubstr(keys::mark)));
    const json::value spawned = printed({"--json", "spawn", "claude", "--provider", "zai"});
    EXPECT_EQ(text_at(spawned, "/env/ANTHROPIC_AUTH_TOKEN"), keys::zai) << "a launcher reads this";
}

TEST_F(Cli, ErrorsAreJsonToo) {
    start({.env = {}});
    const Outcome outcome = ctl({"--json", "spawn", "claude", "--provider", "zai"});
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr("key.absent"));
}

TEST_F(Cli, ProvidersAndAuthForPeople) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}});
    EXPECT_THAT(ctl({"providers", "claude"}).out,
                AllOf(HasSubstr("zai"), HasSubstr("Z.AI"), HasSubstr("MINIMAX_API_KEY")));
    EXPECT_THAT(ctl({"providers", "claude", "--format", "label"}).out, HasSubstr("Claude (Z.AI)\n"));
    EXPECT_THAT(ctl({"providers", "codex"}).out, HasSubstr("is not supported")) << "why it is not offered";
    const Outcome auth = ctl({"auth"});
    EXPECT_THAT(auth.out, AllOf(HasSubstr("ZAI_API_KEY"), HasSubstr("https://www.kimi.com/code/console")));
    EXPECT_THAT(auth.out, Not(HasSubstr(keys::mark)));
}

TEST_F(Cli, SpawnInThreeFormats) {
    const std::string odd = "it's \"odd\" $HOME `x` \\ \n two lines";
    start({.env = with(all_keys(), {{"JACKIN_GIT_ODD", odd}})});
    // capsulectl names its directory, which is below /tmp.
    const json::value plan =
        call("spawn", R"({"agent":"opencode","provider":"zai","cwd":")" + open_project().string() + "\"}");
    EXPECT_EQ(string_map(at(printed({"spawn", "opencode", "--provider", "zai", "--cwd", open_project()}), "/env")),
              string_map(at(plan, "/env")));

    Environment expected = string_map(at(plan, "/env"));
    expected["JACKIN_GIT_ODD"] = odd.substr(0, odd.find('\n'));  // the stand-in's output is read by lines
    const std::string spawn = "capsulectl spawn opencode --provider zai --format ";
    // As docs/guides/launchers.md has it.
    const std::string reads =
        "mapfile -d \"\" -t words < <(" + spawn + "env0)\n[ ${#words[@]} -gt 0 ] || exit 1\nunset $(compgen -e)\n" +
        R"(for at in "${!words[@]}"; do [[ ${words[at]} == *=* ]] || break; export "${words[at]}"; done)"
        "\nexec \"${words[@]:at}\"\n";
    for (const std::string& launcher : {"eval \"$(" + spawn + "shell)\"", reads}) {
        Program program = ctl_program({});
        program.argv = {"/bin/bash", "-c", launcher};
        program.cwd = open_project();
        program.env["PATH"] += ":" + fs::path(CAPSULECTL_BINARY).parent_path().string();
        expected["PATH"] = program.env["PATH"];
        program.env["CAPSULE_SOCKET"] = socket();
        program.env["KIMI_CODE_API_KEY"] = "to be unset";
        const Outcome outcome = run_command(program);
        SeenStart seen = FakeAgents::parse(outcome.out);
        for (const char* of_the_shell : {"PWD", "OLDPWD", "SHLVL", "_", "CAPSULE_SOCKET"})
            seen.env.erase(of_the_shell);
        EXPECT_EQ(seen.env, expected) << launcher << outcome.err;
        EXPECT_THAT(seen.argv, ElementsAre("-m", "zai/glm-5.3"));
        EXPECT_THAT(outcome.out, HasSubstr(" two lines"));
    }
}

// Every user can read a process's arguments.
TEST_F(Cli, SpawnAdvisesNobodyToMakeArgumentsOfAKey) {
    EXPECT_THAT(ctl({"spawn", "--help"}).out, AllOf(HasSubstr("env0"), Not(HasSubstr("xargs"))));
}

TEST_F(Cli, KeysAreMaskedOnATerminalUnlessRevealed) {
    start();
    for (const char* format : {"json", "shell"}) {
        const Outcome masked =
            run_on_terminal(ctl_program({"spawn", "claude", "--provider", "zai", "--format", format}));
        EXPECT_EQ(masked.exit_code, 0);
        EXPECT_THAT(masked.out, AllOf(HasSubstr("api.z.ai"), Not(HasSubstr(keys::mark)))) << format;
    }
    EXPECT_THAT(run_on_terminal(ctl_program({"spawn", "claude", "--provider", "zai", "--reveal"})).out,
                HasSubstr(keys::zai));
}

TEST_F(Cli, ExplainForPeople) {
    start();
    const Outcome answer = ctl({"explain", "codex", "--provider", "minimax"});
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    EXPECT_THAT(answer.out, AllOf(HasSubstr("MiniMax, because --provider asked for it\n"),
                                  HasSubstr("api.minimax.io (https://api.minimax.io/v1)\n"),
                                  HasSubstr("in MINIMAX_API_KEY, from environment\n"), Not(HasSubstr("review_model")),
                                  Not(HasSubstr(keys::mark))));
    EXPECT_THAT(ctl({"explain", "claude"}).out, HasSubstr("Anthropic, because it is the agent's own account\n"));
    for (const char* agent : {"claude", "opencode"})
        EXPECT_THAT(ctl({"explain", agent, "--provider", "zai", "--cwd", open_project()}).out,
                    HasSubstr("api.z.ai (https://api.z.ai/"))
            << agent;
    const Outcome outcome = ctl({"explain", "codex", "--provider", "minimax", "--all"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("MINIMAX_API_KEY"), HasSubstr("review_model"), HasSubstr("config.toml"),
                                   HasSubstr("https://api.minimax.io/v1"), Not(HasSubstr(keys::mark))));
    EXPECT_TRUE(fs::is_empty(home()));
}

TEST_F(Cli, ConfigWriteAndReloadForPeople) {
    start();
    EXPECT_THAT(ctl({"config", "write", "codex"}).out, AllOf(HasSubstr("config.toml"), HasSubstr("created")));
    EXPECT_EQ(ctl({"reload"}).exit_code, 0);
}

TEST_F(Cli, ConfigWriteNamesNoFileThatIsNotThere) {
    start({.env = {}});
    EXPECT_EQ(ctl({"config", "write", "codex"}).out, "nothing to write: none of its providers has a key\n");
    EXPECT_EQ(ctl({"sessions", "list"}).out, ctl({"sessions"}).out);
    EXPECT_EQ(ctl({"auth", "ls"}).out, ctl({"auth", "list"}).out);
    EXPECT_THAT(ctl({"usage", "--provider", "glm"}).err, HasSubstr("Did you mean \"zai\"?"));
    EXPECT_THAT(ctl({"auth", "set", "moonshot"}, "").err, HasSubstr("Did you mean \"kimi\"?"));
}

TEST_F(Cli, ExitCodes) {
    start({.env = {{"MINIMAX_API_KEY", std::string(keys::minimax)}}});
    expect_failure({"no-such-command"}, 2, "no-such-command");
    expect_failure({"status", "--no-such"}, 2, "no-such");
    expect_failure({"spawn"}, 2, "");
    expect_failure({"spawn", "cluade"}, 2, "claude");
    expect_failure({"spawn", "claude", "--provider", "zia"}, 2, "zai");
    expect_failure({"spawn", "claude", "--format", "xml"}, 2, "xml");
    expect_failure({"spawn", "claude", "--provider", "zai"}, 5, "ZAI_API_KEY");
    expect_failure({"spawn", "codex", "--provider", "anthropic"}, 6, "is not supported");
    expect_failure({"spawn", "claude", "--provider", "openai"}, 6, "OpenAI");
    write_file(home() / ".codex/config.toml", "profile = \"minimax\"\n");
    expect_failure({"spawn", "codex", "--provider", "minimax"}, 7, "config.toml");
    expect_failure({"exec", "codex", "--provider", "minimax"}, 7, "config.toml");
    write_file(home() / ".config/opencode", "a file where a directory should be");
    expect_failure({"config", "write", "opencode"}, 1, ".config/opencode");
    write_file(config_file(), "nonsense = 1\n");
    expect_failure({"reload"}, 7, "capsule.toml:1:1");
    expect_alive();
}

TEST_F(Cli, WhatIsNoSocketAndNoDirectoryIsSaidToBeNone) {
    start();
    write_file(dir_ / "a-file", "");
    Program program = ctl_program({"status"});
    program.argv[2] = dir_ / "a-file";
    const Outcome file = run_command(program);
    EXPECT_EQ(file.exit_code, 3);
    EXPECT_THAT(file.err, HasSubstr((dir_ / "a-file").string() + " is no socket"));
    const Outcome nowhere = ctl({"exec", "claude", "--provider", "zai", "--cwd", dir_ / "nowhere"});
    EXPECT_EQ(nowhere.exit_code, 2);
    EXPECT_THAT(nowhere.err, HasSubstr("there is no directory " + (dir_ / "nowhere").string()));
    EXPECT_THAT(ctl({"exec", "claude", "--cwd", dir_ / "a-file"}).err, HasSubstr("a-file is no directory"));
    EXPECT_THAT(ctl({"exec", "claude", "--cwd", "/nonexistent"}).err,
                ::testing::StartsWith("capsulectl: --cwd: there is no "));
}

TEST_F(Cli, AnEmptyKeyFileIsNamedToWhoeverStartsAnAgent) {
    write_file(dir_ / "empty.key", "");
    start({.env = {{"ZAI_API_KEY_FILE", dir_ / "empty.key"}}});
    EXPECT_THAT(ctl({"exec", "claude", "--provider", "zai"}).err,
                HasSubstr("there is no key for Z.AI (ZAI_API_KEY): " + (dir_ / "empty.key").string() + " is empty"));
}

TEST_F(Cli, WithoutADaemonItSaysWhatToDo) {
    fs::create_directories(home());
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                    {"providers", "claude"},
                                                    {"spawn", "claude"},
                                                    {"exec", "claude"},
                                                    {"reload"}})
        expect_failure(command, 3, "capsule");
    EXPECT_EQ(ctl({"status", "--quiet"}).exit_code, 3);
}

TEST_F(Cli, AnotherUserIsDenied) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start();
    Program program = ctl_program({"spawn", "claude", "--provider", "zai"});
    program.argv[0] = reachable_copy(CAPSULECTL_BINARY, dir_ / "programs");
    program.identity = nobody;
    EXPECT_EQ(run_command(program).exit_code, 4) << "by the socket's mode";
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    const Outcome outcome = run_command(program);
    EXPECT_EQ(outcome.exit_code, 4) << "by the daemon";
    EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr(keys::mark)));
}

TEST_F(Cli, TheSocketsPlaceComesFromTheEnvironmentToo) {
    start();
    const Outcome outcome = run_command(
        {.argv = {CAPSULECTL_BINARY, "status", "--quiet"}, .env = {{"CAPSULE_SOCKET", socket()}, {"HOME", home()}}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(Cli, CompletionAsksTheDaemonForNames) {
    start({.config =
               "[workspaces.acme.env]\nZAI_API_KEY = \"\"\n[workspaces.acme.roles.reviewer.env]\nZAI_API_KEY = \"\"\n"
               "[providers.kimi.models.\"k3$(true)\"]\ncontext_window = 1000\n"});
    const std::string script = ctl({"completion", "bash"}).out;
    const auto completes = [&](const std::string& words) {
        write_file(dir_ / "complete.bash",
                   script + "COMP_WORDS=(capsulectl " + words +
                       ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_capsulectl\necho \"${COMPREPLY[*]}\"\n");
        Program program{{"/bin/bash", dir_ / "complete.bash"}, base_env()};
        program.env["CAPSULE_SOCKET"] = socket();
        program.env["PATH"] = fs::path(CAPSULECTL_BINARY).parent_path().string() + ":/usr/bin:/bin";
        return run_command(program).out;
    };
    EXPECT_EQ(completes("exec claude --provider z"), "zai\n");
    EXPECT_EQ(completes("auth set ki"), "kimi\n");
    EXPECT_EQ(completes("spawn claude --model glm-5.3-h"), "glm-5.3-highspeed\n");
    EXPECT_EQ(completes("spawn claude --model k3"), "k3 k3-256k\n") << "nothing that a shell would run";
    EXPECT_EQ(completes("explain claude --workspace ''"), "acme\n");
    EXPECT_EQ(completes("auth list --role rev"), "reviewer\n");
    EXPECT_EQ(completes("sessions end ''"), "-h --help --json --socket\n") << "there is none";
}

TEST_F(Cli, HelpAndVersionNeedNoDaemon) {
    EXPECT_THAT(ctl({"--version"}).out, HasSubstr("0.1.0"));
    const Outcome help = ctl({"--help"});
    EXPECT_EQ(help.exit_code, 0);
    for (const char* command : {"status", "providers", "auth", "spawn", "explain", "exec", "config", "reload"})
        EXPECT_THAT(help.out, HasSubstr(command));
}

}  // namespace
}  // namespace capsule::test
