// Where keys come from, and auth.set and auth.unset, seen by the very next request.
#include <linux/magic.h>
#include <sys/vfs.h>

#include <tuple>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class Auth : public CapsuleTest {
  protected:
    /// The key that a session on Z.AI gets, or the error's name.
    std::string zai_key(const std::string& scope = "") const {
        const json::value answer =
            parse(daemon().connect().ask(request("1", "spawn", R"({"agent":"claude","provider":"zai")" + scope + "}")));
        return has(answer, "/error") ? text_at(answer, "/error/data/code")
                                     : text_at(answer, "/result/env/ANTHROPIC_AUTH_TOKEN");
    }

    json::value zai_row(const std::string& params = "{}") const {
        return find_by(at(call("auth.list", params), "/rows"), "provider", "zai");
    }
};

constexpr const char* in_acme = R"(,"workspace":"acme")";
constexpr const char* as_reviewer = R"(,"workspace":"acme","role":"reviewer")";

TEST_F(Auth, AStoredKeyIsThereAtOnceAndAfterARestart) {
    start({.env = {}});
    EXPECT_EQ(zai_key(), "key.absent");
    const json::value row = call("auth.set", R"({"provider":"zai","value":"FAKE-zai-stored-0001"})");
    EXPECT_EQ(text_at(row, "/state"), "present");
    EXPECT_EQ(text_at(row, "/scope"), "global");
    EXPECT_THAT(json::serialize(row), Not(HasSubstr(keys::mark)));
    EXPECT_EQ(zai_key(), "FAKE-zai-stored-0001");
    EXPECT_EQ(mode_of(dir_ / "state/auth.toml"), 0600U);
    stop();
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}});
    EXPECT_EQ(zai_key(), "FAKE-zai-stored-0001") << "what was stored comes first";
    call("auth.unset", R"({"provider":"zai"})");
    EXPECT_EQ(zai_key(), keys::zai);
}

TEST_F(Auth, TheNarrowestScopeWins) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"ACME_KEY", "FAKE-of-acme"}},
           .config = "[session]\nunknown_scopes = \"allow\"\n"
                     "[workspaces.acme.env]\nZAI_API_KEY = \"$ACME_KEY\"\n"
                     "[workspaces.acme.roles.reviewer.env]\nZAI_API_KEY = \"\"\n"});
    EXPECT_EQ(zai_key(), keys::zai);
    EXPECT_EQ(zai_key(in_acme), "FAKE-of-acme");
    EXPECT_EQ(zai_key(as_reviewer), "key.absent") << "ignored, which hides what lies below";
    EXPECT_EQ(zai_key(R"(,"workspace":"unknown","role":"unknown")"), keys::zai) << "adds nothing";
    EXPECT_EQ(text_at(zai_row(R"({"workspace":"acme","role":"reviewer"})"), "/mode"), "ignore");
    EXPECT_EQ(text_at(zai_row(R"({"workspace":"acme","role":"reviewer"})"), "/state"), "ignored");
    call("auth.set", R"({"provider":"zai","value":"FAKE-stored-for-reviewers",)"
                     R"("scope":{"workspace":"acme","role":"reviewer"}})");
    EXPECT_EQ(zai_key(as_reviewer), "FAKE-stored-for-reviewers");
    EXPECT_EQ(zai_key(in_acme), "FAKE-of-acme");
}

TEST_F(Auth, FilesOfTheContainerAreReadAnewWhenTheyChange) {
    const fs::path file = dir_ / "zai.key";
    const fs::path credentials = dir_ / "credentials";
    write_file(credentials / "ZAI_API_KEY", "FAKE-credential\n");
    write_file(file, "\n");
    start({.env = {{"ZAI_API_KEY_FILE", file}, {"CREDENTIALS_DIRECTORY", credentials}}});
    EXPECT_EQ(zai_key(), "FAKE-credential") << "one trailing newline is dropped, and an empty file is just absent";
    write_file(file, "FAKE-from-file-1\n");
    EXPECT_EQ(zai_key(), "FAKE-from-file-1");
    write_file(file, "FAKE-from-file-2");
    EXPECT_EQ(zai_key(), "FAKE-from-file-2");
    write_file(file, "");
    EXPECT_EQ(zai_key(), "FAKE-credential");
    write_file(file, std::string(10'000'000, 'x'));
    EXPECT_EQ(zai_key(), "key.error");
    fs::remove(file);
    EXPECT_EQ(zai_key(), "key.error") << "named, and not there: nothing else is taken instead";
    fs::create_directories(file);
    EXPECT_EQ(zai_key(), "key.error");
    expect_alive();
}

TEST_F(Auth, ASlowPasswordManagerDelaysOnlyWhoNeedsIt) {
    write_file(agents_.bin() / "op", "#!/bin/sh\n/bin/sleep 2\necho FAKE-from-op\necho run >>\"${0%/*}/op.runs\"\n");
    fs::permissions(agents_.bin() / "op", fs::perms{0755});
    start({.env = {{"KIMI_CODE_API_KEY", std::string(keys::kimi)}},
           .config = "[env]\nZAI_API_KEY = \"op://Private/zai/key\"\n[keys]\nop = \"" +
                     (agents_.bin() / "op").string() + "\"\n"});
    EXPECT_EQ(text_at(zai_row(), "/state"), "unresolved") << "status-tier calls never start a subprocess";
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", R"({"agent":"claude","provider":"zai"})"));
    const auto begin = std::chrono::steady_clock::now();
    call("spawn", R"({"agent":"claude","provider":"kimi"})");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1500));
    EXPECT_EQ(text_at(parse(slow.read_line().value()), "/result/env/ANTHROPIC_AUTH_TOKEN"), "FAKE-from-op");
    EXPECT_EQ(zai_key(), "FAKE-from-op");
    EXPECT_EQ(read_file(agents_.bin() / "op.runs"), "run\n") << "once until reload";
}

TEST_F(Auth, APasswordManagersFailureIsTheKeysErrorWithItsOwnMessage) {
    write_file(agents_.bin() / "op", "#!/bin/sh\necho 'you are not signed in' >&2\nexit 1\n");
    fs::permissions(agents_.bin() / "op", fs::perms{0755});
    start({.env = {},
           .config = "[env]\nZAI_API_KEY = \"op://Private/zai/key\"\n[keys]\nop = \"" +
                     (agents_.bin() / "op").string() + "\"\n"});
    EXPECT_THAT(expect_error("spawn", R"({"agent":"claude","provider":"zai"})", -32006, "key.error"),
                HasSubstr("not signed in"));
}

TEST_F(Auth, BadKeysAndScopesAreRefused) {
    start({.env = {}});
    for (const char* params : {
             R"({"provider":"zai"})",
             R"({"provider":"zai","value":""})",
             R"({"provider":"zai","value":"FAKE with space"})",
             R"({"provider":"zai","value":"FAKE-\u0000"})",
             R"({"provider":"zai","value":"FAKE-x\n"})",
             R"({"provider":"zai","value":7})",
             R"({"provider":"zai","value":"FAKE-x","scope":{"role":"reviewer"}})",
             R"({"provider":"zai","value":"FAKE-x","scope":{"workspace":"../x"}})",
             R"({"provider":"zai","value":"FAKE-x","scope":{"workspce":"x"}})",
             R"({"provider":"zai","value":"FAKE-x","scope":"global"})",
         })
        expect_error("auth.set", params, -32602, "");
    expect_error("auth.set", R"({"provider":"zia","value":"FAKE-x"})", -32003, "provider.unknown");
    expect_error("auth.unset", R"({"provider":"zia"})", -32003, "provider.unknown");
    EXPECT_EQ(zai_key(), "key.absent");
}

TEST_F(Auth, TheCommandTakesAKeyFromItsInputAndNeverFromItsArguments) {
    start({.env = {}});
    const Outcome set = ctl({"auth", "set", "zai"}, "FAKE-zai-piped-0001\n");
    EXPECT_EQ(set.exit_code, 0) << set.err;
    EXPECT_THAT(set.out + set.err, Not(HasSubstr(keys::mark)));
    EXPECT_EQ(zai_key(), "FAKE-zai-piped-0001");
    const Outcome argument = ctl({"auth", "set", "zai", "FAKE-zai-argument"});
    EXPECT_EQ(argument.exit_code, 2);
    EXPECT_THAT(argument.err, Not(HasSubstr(keys::mark)));
    EXPECT_EQ(ctl({"auth", "unset", "zai"}).exit_code, 0);
    EXPECT_EQ(zai_key(), "key.absent");
}

TEST_F(Auth, TheCommandFindsOutThatTheProviderExistsBeforeItAsksForASecret) {
    start({.env = {}});
    const Outcome unknown = ctl({"auth", "set", "zaii"}, "");  // with nothing to read, asking would be the error
    EXPECT_EQ(unknown.exit_code, 2);
    EXPECT_THAT(unknown.err, AllOf(HasSubstr("there is no provider \"zaii\""), HasSubstr("Did you mean \"zai\"?")));
    Program away = ctl_program({"auth", "set", "zai"});
    away.argv[2] = dir_ / "nobody.sock";
    EXPECT_EQ(run_command(away).exit_code, 3);
}

TEST_F(Auth, UnsettingAKeyThatComesFromElsewhereSaysFromWhereAndHowToRemoveItThere) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}, .config = "[env]\nKIMI_CODE_API_KEY = \"FAKE-kimi-1\"\n"});
    EXPECT_THAT(ctl({"auth", "unset", "zai"}).out,
                AllOf(HasSubstr("still comes from environment"), HasSubstr("remove ZAI_API_KEY from the environment")));
    EXPECT_THAT(ctl({"auth", "unset", "kimi"}).out, AllOf(HasSubstr("capsule.toml:2"), HasSubstr("capsulectl reload")));
    EXPECT_THAT(ctl({"auth", "unset", "minimax"}).out, Not(HasSubstr("still comes")));
}

TEST_F(Auth, SessionsThatKeepAnOldKeyAreNamed) {
    start({.env = {}, .config = "[workspaces.acme.env]\nZAI_API_KEY = \"FAKE-of-acme\"\n"});
    call("auth.set", R"({"provider":"zai","value":"FAKE-zai-old-0001"})");
    auto launcher = daemon().connect();
    const auto spawn = [&](const std::string& more) {
        const std::string params = R"({"agent":"claude","provider":"zai","ends_with":"connection")" + more + "}";
        return text_at(parse(launcher.ask(request("1", "spawn", params))), "/result/session/id");
    };
    const std::string running = spawn("");
    const std::string of_acme = spawn(in_acme);
    EXPECT_THAT(json::serialize(call("auth.set", R"({"provider":"zai","value":"FAKE-zai-old-0001"})")),
                Not(HasSubstr("session.old_key")))
        << "it is the same key";
    EXPECT_THAT(ctl({"auth", "set", "zai"}, "FAKE-zai-new-0002").out,
                AllOf(HasSubstr("running sessions keep the key that they started with: " + running + " (claude)"),
                      HasSubstr("leave its agent and start it again"), Not(HasSubstr(of_acme))));
    EXPECT_THAT(json::serialize(call("auth.unset", R"({"provider":"zai"})")),
                AllOf(HasSubstr("session.old_key"), HasSubstr("keep the key that was removed: " + running),
                      HasSubstr("To take it from one, end its agent"), Not(HasSubstr("start it again"))));
}

TEST_F(Auth, SessionsWithATokenAreToldToHaveTheNewKey) {
    const std::string user = ::geteuid() == 0 ? "[broker]\nuser = \"daemon\"\n" : "";
    start({.env = {}, .config = "[session]\nkeys = \"broker\"\n" + user});
    call("auth.set", R"({"provider":"zai","value":"FAKE-zai-old-0001"})");
    auto launcher = daemon().connect();
    const std::string running = text_at(
        parse(launcher.ask(request("1", "spawn", R"({"agent":"claude","provider":"zai","ends_with":"connection"})"))),
        "/result/session/id");
    EXPECT_THAT(ctl({"auth", "set", "zai"}, "FAKE-zai-new-0002").out,
                HasSubstr("Also running sessions use it from their next request: " + running + " (claude)"));
    EXPECT_THAT(ctl({"auth", "unset", "zai"}).out, HasSubstr("running sessions have no key any more"));
}

TEST_F(Auth, UnsettingSaysThatTheKeyIsRemoved) {
    start({.env = {}});
    call("auth.set", R"({"provider":"zai","value":"FAKE-zai-1"})");
    EXPECT_THAT(ctl({"auth", "unset", "zai"}).out, HasSubstr("Removed the stored key of Z.AI."));
    EXPECT_THAT(ctl({"auth", "unset", "zai"}).out,
                AllOf(HasSubstr("! Z.AI: nothing was stored at this scope\n"), Not(HasSubstr("Removed"))));
    call("auth.set", R"({"provider":"zai","value":"FAKE-zai-1","scope":{"workspace":"acme","role":"r"}})");
    EXPECT_THAT(ctl({"auth", "unset", "zai"}).out, HasSubstr("a key is stored with --workspace acme --role r"));
    EXPECT_THAT(ctl({"auth", "unset", "zai", "--workspace", "acme", "--role", "r"}).out, HasSubstr("Removed"));
}

// Members of the protocol are nothing that a person has written.
TEST_F(Auth, ErrorsForPeopleNameNoMemberOfTheProtocol) {
    start({.env = {}});
    for (const auto& [words, input, says] : std::vector<std::tuple<std::vector<std::string>, std::string, std::string>>{
             {{"auth", "set", "zai"}, "FAKE with space", "the key has white space"},
             {{"auth", "set", "zai", "--op", "op://x"}, "", "this is no valid op:// reference"},
             {{"auth", "set", "zai", "--workspace", "../x"}, "FAKE-x", "\"../x\" cannot be the name of a workspace"},
             {{"spawn", "claude", "--env", "1A=x"}, "", "\"1A\" in env is no name of a variable"}}) {
        const Outcome outcome = ctl(words, input);
        EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
        EXPECT_THAT(outcome.err, AllOf(HasSubstr(says), Not(HasSubstr("params"))));
    }
}

TEST_F(Auth, TheKeysVariableNamesItsProvider) {
    start({.env = {}});
    for (const char* name : {"ZAI_API_KEY", "GLM_API_KEY", "zai_api_key"})
        EXPECT_THAT(ctl({"auth", "set", name}, "").err, HasSubstr("Did you mean \"zai\"?")) << name;
}

TEST_F(Auth, AKeyThatMakesTheDefaultAmbiguousSaysSo) {
    start({.env = {}, .config = "[codex]\nprovider = \"openai\"\n"});
    const auto set = [&](const char* provider, const char* value) {
        return at(call("auth.set", std::string(R"({"provider":")") + provider + R"(","value":")" + value + R"("})"),
                  "/warnings");
    };
    EXPECT_THAT(json::serialize(set("zai", "FAKE-zai-1")), Not(HasSubstr("default.none")));
    EXPECT_THAT(json::serialize(set("minimax", "sk-cp-FAKE-minimax-1")),
                AllOf(HasSubstr("OpenCode can now run on several providers and has no default"),
                      HasSubstr("set provider in [opencode]"), Not(HasSubstr("Claude")), Not(HasSubstr("Codex"))));
    EXPECT_THAT(json::serialize(set("kimi", "sk-ki-FAKE-kimi-1")), Not(HasSubstr("default.none")))
        << "it has been said";
}

TEST_F(Auth, AKeyThatGoesWithTheContainerSaysSo) {
    start({.env = {}});
    struct statfs there {};
    ASSERT_EQ(::statfs(dir_.path().c_str(), &there), 0);
    const bool on_disk = there.f_type != OVERLAYFS_SUPER_MAGIC && there.f_type != TMPFS_MAGIC;
    const std::string row = json::serialize(call("auth.set", R"({"provider":"zai","value":"FAKE-zai-1"})"));
    EXPECT_EQ(row.find("keys.not_kept") == std::string::npos, on_disk);
    stop();
    std::string memory = "/dev/shm/capsule-test-XXXXXX";
    ASSERT_NE(::mkdtemp(memory.data()), nullptr);
    start({.env = {{"STATE_DIRECTORY", memory}}});
    EXPECT_THAT(json::serialize(call("auth.set", R"({"provider":"zai","value":"FAKE-zai-1"})")),
                AllOf(HasSubstr("keys.not_kept"), HasSubstr(memory + "/auth.toml, which is gone with this container"),
                      HasSubstr("/run/secrets/ZAI_API_KEY")));
    stop();
    fs::remove_all(memory);
}

}  // namespace
}  // namespace capsule::test
