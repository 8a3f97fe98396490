// What anybody may ask: status, providers.list, auth.list.
#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "tests/integration/status_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Cells = std::map<std::string, std::string>;

TEST_F(Status, TellsOfDaemonConfigurationAgentsAndLimits) {
    start();
    const json::value status = call("status");
    EXPECT_TRUE(std::regex_match(text_at(status, "/version"), std::regex(R"(\d+\.\d+\.\d+.*)")));
    EXPECT_EQ(at(status, "/protocol").to_number<int>(), 1);
    EXPECT_EQ(at(status, "/pid").to_number<int>(), daemon().pid());
    EXPECT_GE(at(status, "/uptime_s").to_number<double>(), 0);
    EXPECT_EQ(text_at(status, "/socket"), socket().string());
    EXPECT_EQ(text_at(status, "/config/path"), config_file().string());
    EXPECT_TRUE(std::regex_match(text_at(status, "/config/loaded_at"),
                                 std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)")));
    EXPECT_TRUE(at(status, "/config/ok").as_bool());
    EXPECT_TRUE(at(status, "/config/error").is_null());
    EXPECT_EQ(at(status, "/connections/limit").to_number<int>(), 1024);
    EXPECT_GE(at(status, "/connections/open").to_number<int>(), 1);

    EXPECT_THAT(ids(at(status, "/agents")), ElementsAre("claude", "codex", "opencode"));
    for (const json::value& agent : at(status, "/agents").as_array())
        EXPECT_EQ(text_at(agent, "/binary"), (agents_.bin() / text_at(agent, "/id")).string());
    EXPECT_EQ(text_at(find_by(at(status, "/agents"), "id", "opencode"), "/label"), "OpenCode");
    EXPECT_THAT(text_at(status, "/path"), HasSubstr(agents_.bin().string()));
}

TEST_F(Status, CountsRequestsAndErrors) {
    start();
    const json::value before = call("status");
    refused("no.such.method");
    call("rpc.discover");
    const json::value after = call("status");
    EXPECT_EQ(at(after, "/requests/total").to_number<int>(), at(before, "/requests/total").to_number<int>() + 3);
    EXPECT_EQ(at(after, "/requests/errors").to_number<int>(), at(before, "/requests/errors").to_number<int>() + 1);
}

TEST_F(Status, SeesAnAgentComeAndGo) {
    start();
    agents_.remove("claude");
    EXPECT_TRUE(at(find_by(at(call("status"), "/agents"), "id", "claude"), "/binary").is_null());
}

TEST_F(Status, ShowsEveryCellWithAllKeys) {
    start();
    const json::value providers = at(call("status"), "/providers");
    EXPECT_THAT(ids(providers), ElementsAre("anthropic", "openai", "zai", "minimax", "kimi"));
    const auto cells = [&](const char* id) { return string_map(at(find_by(providers, "id", id), "/cells")); };
    EXPECT_EQ(cells("anthropic"), (Cells{{"claude", "native"}, {"codex", "unsupported"}, {"opencode", "ready"}}));
    EXPECT_EQ(cells("openai"), (Cells{{"claude", "unsupported"}, {"codex", "native"}, {"opencode", "unsupported"}}));
    EXPECT_EQ(cells("zai"), (Cells{{"claude", "ready"}, {"codex", "ready"}, {"opencode", "ready"}}));
    EXPECT_EQ(cells("minimax"), (Cells{{"claude", "ready"}, {"codex", "ready"}, {"opencode", "ready"}}));
    EXPECT_EQ(cells("kimi"), (Cells{{"claude", "ready"}, {"codex", "ready"}, {"opencode", "ready"}}));
}

TEST_F(Status, ShowsEveryCellWithoutKeys) {
    start({.env = {{"MINIMAX_API_KEY", ""}}});  // an empty variable of the container is just absent
    const json::value providers = at(call("status"), "/providers");
    const auto cells = [&](const char* id) { return string_map(at(find_by(providers, "id", id), "/cells")); };
    EXPECT_EQ(cells("anthropic"), (Cells{{"claude", "native"}, {"codex", "unsupported"}, {"opencode", "no_key"}}));
    EXPECT_EQ(cells("openai"), (Cells{{"claude", "unsupported"}, {"codex", "native"}, {"opencode", "unsupported"}}));
    EXPECT_EQ(cells("zai"), (Cells{{"claude", "no_key"}, {"codex", "no_key"}, {"opencode", "no_key"}}));
    EXPECT_EQ(cells("minimax"), (Cells{{"claude", "no_key"}, {"codex", "no_key"}, {"opencode", "no_key"}}));
    for (const json::value& provider : providers.as_array()) {
        EXPECT_EQ(text_at(provider, "/key/state"), "absent");
        EXPECT_TRUE(at(provider, "/key/masked").is_null());
        EXPECT_TRUE(at(provider, "/key/source").is_null());
    }
}

TEST_F(Status, AConfiguredDefaultWithoutAKeyIsTold) {
    start({.env = {}, .config = "[claude]\nprovider = \"kimi\"\n"});
    EXPECT_THAT(ctl({"status"}).out,
                HasSubstr("! the default provider of Claude is Kimi, and there is no key for Kimi"));
    EXPECT_THAT(ctl({"status"}).out, AllOf(HasSubstr("Claude    its default cannot be used "),
                                           Not(HasSubstr("no default: use --provider"))));
    EXPECT_THAT(ctl({"reload"}).err, HasSubstr("the default provider of Claude is Kimi, and there is no key"));
    call("auth.set", R"({"provider":"kimi","value":"sk-kimi-FAKE-0001"})");
    EXPECT_THAT(ctl({"status"}).out, Not(HasSubstr("the default provider of")));
    EXPECT_EQ(ctl({"reload"}).err, "");
}

TEST_F(Status, AConfigurationThatWasClosedToOthersNeedsNoReload) {
    start({.env = {}, .config = "[env]\nZAI_API_KEY = \"FAKE-zai-0001\"\n"});
    std::filesystem::permissions(config_file(), std::filesystem::perms{0644});
    call("reload");
    const std::string run = "run: chmod 600 " + config_file().string();
    EXPECT_THAT(ctl({"status"}).out, HasSubstr(run));
    std::filesystem::permissions(config_file(), std::filesystem::perms{0600});
    EXPECT_THAT(ctl({"status"}).out, Not(HasSubstr(run)));
}

TEST_F(Status, SettingsThatNeedARestartAreNamedAfterAReload) {
    start({.env = {}, .config = "[daemon]\nlog_level = \"info\"\n"});
    EXPECT_EQ(ctl({"reload"}).err, "");
    write_file(config_file(), "[daemon]\nlog_level = \"warn\"\n[broker]\nlisten = 4587\n");
    EXPECT_THAT(ctl({"reload"}).err, HasSubstr("counts after a restart of it: [daemon] log_level, [broker] listen"));
    EXPECT_THAT(ctl({"status"}).out, HasSubstr("[daemon] log_level, [broker] listen"));
}

TEST_F(Status, MasksKeysAndSaysWhereTheyCameFrom) {
    start();
    for (const char* method : {"status", "auth.list"})
        EXPECT_THAT(json::serialize(call(method)), Not(HasSubstr(keys::mark))) << method;
    const json::value key = at(find_by(at(call("status"), "/providers"), "id", "zai"), "/key");
    EXPECT_EQ(text_at(key, "/state"), "present");
    EXPECT_EQ(text_at(key, "/source"), "environment");
    const std::string masked = text_at(key, "/masked");
    EXPECT_TRUE(masked.ends_with(keys::zai.substr(keys::zai.size() - 4))) << masked;
    EXPECT_EQ(masked.find(keys::zai.substr(keys::zai.size() - 5)), std::string::npos) << "more than four characters";
}

TEST_F(Status, WarnsThatAgentsRunAsTheDaemonsUser) {
    start();
    const json::value warnings = at(call("status"), "/warnings");
    EXPECT_THAT(codes(warnings), Not(IsEmpty()));
    EXPECT_THAT(json::serialize(warnings), HasSubstr("user"));
    for (const json::value& warning : warnings.as_array())
        EXPECT_FALSE(text_at(warning, "/message").empty());
}

TEST_F(Status, SaysWhereAKeyIsHeldUnderAnotherName) {
    start({.env = {{"KIMI_API_KEY", "FAKE-other-name"},
                   {"ZHIPU_API_KEY", "FAKE-other-name"},
                   {"ZAI_API_KEY", std::string(keys::zai)}}});
    const json::value warnings = at(call("status"), "/warnings");
    EXPECT_EQ(std::ranges::count(codes(warnings), "key.other_name"), 1) << "Z.AI's has the right name too";
    EXPECT_THAT(
        json::serialize(warnings),
        AllOf(HasSubstr("KIMI_API_KEY (environment) is not read: Kimi's key is looked for as KIMI_CODE_API_KEY"),
              Not(HasSubstr("FAKE-other-name"))));
    const json::value rows = at(call("auth.list"), "/rows");
    EXPECT_THAT(codes(at(find_by(rows, "provider", "kimi"), "/warnings")), ElementsAre("key.other_name"));
    EXPECT_THAT(codes(at(find_by(rows, "provider", "zai"), "/warnings")), IsEmpty());
}

TEST_F(Status, DoubtsAKeyThatDoesNotLookLikeItsProviders) {
    start({.env = {{"MINIMAX_API_KEY", "FAKE-of-another-shape"}, {"ZAI_API_KEY", std::string(keys::zai)}}});
    const json::value status = call("status");
    const json::value minimax = find_by(at(status, "/providers"), "id", "minimax");
    EXPECT_EQ(at(minimax, "/key/doubtful"), json::value(true));
    EXPECT_EQ(at(find_by(at(status, "/providers"), "id", "zai"), "/key/doubtful"), json::value(false));
    EXPECT_EQ(text_at(minimax, "/cells/claude"), "ready") << "it is used all the same";
    EXPECT_EQ(std::ranges::count(codes(at(status, "/warnings")), "key.shape"), 1);
    EXPECT_THAT(json::serialize(at(status, "/warnings")), HasSubstr("MiniMax: This does not look like a MiniMax key"));
}

TEST_F(Status, SaysWhyAKeyCannotBeUsedAndWhatIsEmpty) {
    const std::string file = dir_ / "empty.key";
    write_file(file, "\n");
    start({.env = {
               {"ZAI_API_KEY_FILE", dir_ / "nowhere.key"}, {"KIMI_CODE_API_KEY_FILE", file}, {"MINIMAX_API_KEY", ""}}});
    const json::value warnings = at(call("status"), "/warnings");
    EXPECT_THAT(json::serialize(warnings),
                AllOf(HasSubstr("Z.AI: ZAI_API_KEY_FILE names"), HasSubstr("nowhere.key, which is not there. Mount"),
                      HasSubstr(file + " is empty, which counts as no key"),
                      HasSubstr("the variable MINIMAX_API_KEY is empty")));
    EXPECT_EQ(std::ranges::count(codes(warnings), "key.error"), 1);
    EXPECT_EQ(std::ranges::count(codes(warnings), "key.empty"), 2);
    EXPECT_THAT(ctl({"status"}).out, HasSubstr("! Z.AI: ZAI_API_KEY_FILE names"));
    const json::value rows = at(call("auth.list"), "/rows");
    EXPECT_THAT(codes(at(find_by(rows, "provider", "kimi"), "/warnings")), ElementsAre("key.empty"));
}

TEST_F(Status, AProxyThatTheBrokerCannotUseIsTold) {
    const std::string user = ::geteuid() == 0 ? "[broker]\nuser = \"daemon\"\n" : "";
    start({.env = {{"HTTPS_PROXY", "http://me:FAKE-pass/word@proxy:3128"}},
           .config = "[session]\nkeys = \"broker\"\n" + user});
    const json::value warnings = at(call("status"), "/warnings");
    EXPECT_EQ(std::ranges::count(codes(warnings), "broker.proxy"), 1);
    EXPECT_THAT(json::serialize(warnings), AllOf(HasSubstr("HTTPS_PROXY of the daemon's environment has an '@' behind"),
                                                 HasSubstr("Write %2F"), Not(HasSubstr("FAKE"))));
}

TEST_F(Status, WarnsOfASecretThatEverySessionGets) {
    start({.config = "[env]\nGH_TOKEN = \"FAKE-token\"\nTEAM_SECRET = \"\"\nTEAM = \"compilers\"\n"
                     "KIMI_CODE_API_KEY = \"sk-ki-FAKE\"\nCLAUDE_CODE_OAUTH_TOKEN = \"FAKE-oauth\"\n"});
    const json::value warnings = at(call("status"), "/warnings");
    EXPECT_EQ(std::ranges::count(codes(warnings), "env.secret"), 1);
    EXPECT_THAT(json::serialize(warnings), AllOf(HasSubstr("[env] gives GH_TOKEN (capsule.toml:2)"),
                                                 Not(HasSubstr("FAKE")), Not(HasSubstr("TEAM"))));
}

TEST_F(Status, WarnsOfKeysInAFileThatOthersRead) {
    start();
    for (const std::string_view secret : {"ZAI_API_KEY = \"FAKE-zai-in-a-file-0001\"", "GH_TOKEN = \"FAKE-gh-0001\"",
                                          "DATABASE = \"postgres://me:FAKE-word@db.example/team\""}) {
        write_file(config_file(), "[env]\n" + std::string(secret) + "\n");
        std::filesystem::permissions(config_file(), std::filesystem::perms{0644});
        call("reload");
        EXPECT_THAT(json::serialize(at(call("status"), "/warnings")), HasSubstr(config_file().string())) << secret;
        std::filesystem::permissions(config_file(), std::filesystem::perms{0600});
        call("reload");
        EXPECT_THAT(json::serialize(at(call("status"), "/warnings")), Not(HasSubstr(config_file().string())));
    }
}

TEST_F(Status, AuthListTellsForEachProviderHowToGetAKey) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"KIMI_CODE_API_KEY", "FAKE-of-another-shape"}}});
    const json::value rows = at(call("auth.list"), "/rows");
    ASSERT_EQ(rows.as_array().size(), 5U);
    const json::value& zai = find_by(rows, "provider", "zai");
    EXPECT_EQ(text_at(zai, "/label"), "Z.AI");
    EXPECT_EQ(text_at(zai, "/variable"), "ZAI_API_KEY");
    EXPECT_EQ(text_at(zai, "/mode"), "api_key");
    EXPECT_EQ(text_at(zai, "/state"), "present");
    EXPECT_EQ(text_at(zai, "/source"), "environment");
    EXPECT_EQ(text_at(zai, "/scope"), "container");
    EXPECT_EQ(text_at(zai, "/subscribe_url"), "https://z.ai/subscribe");
    EXPECT_EQ(text_at(zai, "/key_url"), "https://z.ai/manage-apikey/apikey-list");
    EXPECT_THAT(codes(at(zai, "/warnings")), IsEmpty());
    const json::value& minimax = find_by(rows, "provider", "minimax");
    EXPECT_EQ(text_at(minimax, "/state"), "absent");
    EXPECT_TRUE(at(minimax, "/masked").is_null());
    EXPECT_THAT(codes(at(find_by(rows, "provider", "kimi"), "/warnings")), Not(IsEmpty())) << "not the shape sk-ki…";
    EXPECT_EQ(text_at(find_by(rows, "provider", "kimi"), "/state"), "present") << "warned of, never refused";
}

TEST_F(Status, NeverWaitsForAnAgent) {
    agents_.delay_codex_models(std::chrono::seconds(5));
    start();
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})"));
    const auto begin = std::chrono::steady_clock::now();
    for (const char* method : {"status", "auth.list", "rpc.discover"})
        call(method);
    call("providers.list", R"({"agent":"codex"})");
    call("spawn", R"({"agent":"claude","provider":"zai"})");
    call("spawn", R"({"agent":"opencode","provider":"zai"})");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
    EXPECT_TRUE(has(parse(slow.read_line().value()), "/result"));
    EXPECT_EQ(agents_.codex_models_runs(), 1U) << "one run serves whoever waits";
    call("spawn", R"({"agent":"codex","provider":"minimax"})");
    EXPECT_EQ(agents_.codex_models_runs(), 1U) << "once per installed Codex";
}

}  // namespace
}  // namespace capsule::test
