#include "daemon/catalog/variables.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

/// Native Claude without a key: nothing but the session's own variables and two pins.
Plan bare(const Session& session) {
    return session.plan(Agent::claude, "anthropic");
}

StringMap bare_env(const Session& session) {
    StringMap env = env_of(bare(session));
    EXPECT_EQ(env.erase("CLAUDE_CODE_HOST_AUTH_ENV_VAR"), 1u);
    EXPECT_EQ(env.erase("ANTHROPIC_BASE_URL"), 1u);
    return env;
}

EnvValue configured(std::string_view text) {
    return {Secret(text), "capsule.toml:12"};
}

TEST(SessionEnv, IsExactlyTheUsersAndTheAllowlistedPart) {
    Session session;
    for (const auto& [name, value] : StringMap{{"TERM", "xterm"},
                                               {"LC_TIME", "C"},
                                               {"JACKIN_GIT_TAB", "3"},
                                               {"GIT_AUTHOR_NAME", "A"},
                                               {"https_proxy", "http://proxy:3128"},
                                               {"UNKNOWN", "x"},
                                               {"HOME", "/root"},
                                               {"USER", "root"},
                                               {"PWD", "/"},
                                               {"LS_COLORS", "x"}})
        session.daemon_env.insert_or_assign(name, Secret(value));
    EXPECT_EQ(bare_env(session), (StringMap{{"PATH", "/usr/bin:/bin"},
                                            {"TERM", "xterm"},
                                            {"LC_TIME", "C"},
                                            {"JACKIN_GIT_TAB", "3"},
                                            {"GIT_AUTHOR_NAME", "A"},
                                            {"https_proxy", "http://proxy:3128"},
                                            {"HOME", "/home/agent"},
                                            {"USER", "agent"},
                                            {"LOGNAME", "agent"},
                                            {"SHELL", "/bin/bash"},
                                            {"CAPSULE_AGENT", "claude"},
                                            {"CAPSULE_PROVIDER", "anthropic"}}));
}

TEST(SessionEnv, RisesFromDaemonToConfigurationToRequestToUser) {
    Session session;
    for (const char* name : {"TERM", "EDITOR", "PAGER"})
        session.daemon_env.insert_or_assign(name, Secret("daemon"));
    session.config.env.emplace("EDITOR", configured("config"));
    session.config.env.emplace("PAGER", configured("config"));
    session.config.env.emplace("HOME", configured("config"));
    session.request_env = {{"PAGER", "request"}};
    const Plan plan = bare(session);
    EXPECT_EQ(plan.env.at("TERM").reveal(), "daemon");
    EXPECT_EQ(plan.env.at("TERM").from, "daemon environment");
    EXPECT_EQ(plan.env.at("EDITOR").reveal(), "config");
    EXPECT_EQ(plan.env.at("EDITOR").from, "capsule.toml:12");
    EXPECT_EQ(plan.env.at("PAGER").reveal(), "request");
    EXPECT_EQ(plan.env.at("PAGER").from, "request");
    EXPECT_EQ(plan.env.at("HOME").reveal(), "/home/agent");
    EXPECT_EQ(plan.env.at("HOME").from, "session user");
    EXPECT_EQ(plan.env.at("CAPSULE_AGENT").from, "capsuled");
}

TEST(SessionEnv, AnotherUsersLoginIsNotPassedOn) {
    Session session;
    for (const char* name : {"XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "SSH_AUTH_SOCK", "DISPLAY", "TERM"})
        session.daemon_env.emplace(name, Secret("daemon"));
    EXPECT_THAT(bare_env(session), Contains(Key("XDG_RUNTIME_DIR")));
    session.home.same_user = false;
    session.request_env = {{"SSH_AUTH_SOCK", "/home/agent/.ssh/agent"}};
    const StringMap env = bare_env(session);
    EXPECT_THAT(env, Not(Contains(Key("XDG_RUNTIME_DIR"))));
    EXPECT_THAT(env, Not(Contains(Key("XDG_CACHE_HOME"))));
    EXPECT_THAT(env, Not(Contains(Key("DISPLAY"))));
    EXPECT_THAT(env, Contains(Pair("TERM", "daemon")));
    EXPECT_THAT(env, Contains(Pair("SSH_AUTH_SOCK", "/home/agent/.ssh/agent")));
}

TEST(SessionEnv, DroppedNamesTheRestOfTheRequestSorted) {
    Session session;
    session.request_env = {
        {"TERM", "xterm"},           {"ZAI_API_KEY", "FAKE"},   {"ANTHROPIC_BASE_URL", "http://evil"},
        {"CODEX_HOME", "/tmp/evil"}, {"HOME", "/tmp/evil"},     {"MY_TEAM_ID", "7"},
        {"LD_PRELOAD", "/tmp/x.so"}, {"XDG_CONFIG_HOME", "/x"}, {"CLAUDE_CONFIG_DIR", "/x"}};
    const Plan plan = bare(session);
    EXPECT_THAT(plan.dropped, ElementsAre("ANTHROPIC_BASE_URL", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "HOME", "LD_PRELOAD",
                                          "MY_TEAM_ID", "XDG_CONFIG_HOME", "ZAI_API_KEY"));
    for (const std::string& name : plan.dropped) {
        if (name != "HOME" && name != "ANTHROPIC_BASE_URL") {
            EXPECT_THAT(plan.env, Not(Contains(Key(name))));
        }
    }
    EXPECT_EQ(plan.env.at("HOME").reveal(), "/home/agent");
    EXPECT_EQ(plan.env.at("ANTHROPIC_BASE_URL").reveal(), "https://api.anthropic.com");
}

TEST(SessionEnv, PassthroughAddsPatterns) {
    Session session;
    session.config.session.passthrough = {"MY_TEAM_*", "EXACT"};
    session.daemon_env.emplace("MY_TEAM_A", Secret("1"));
    session.request_env = {{"MY_TEAM_B", "2"}, {"EXACT", "3"}, {"EXACTLY", "4"}};
    const Plan plan = bare(session);
    EXPECT_EQ(plan.env.at("MY_TEAM_A").reveal(), "1");
    EXPECT_EQ(plan.env.at("MY_TEAM_B").reveal(), "2");
    EXPECT_EQ(plan.env.at("EXACT").reveal(), "3");
    EXPECT_THAT(plan.dropped, ElementsAre("EXACTLY"));
}

/// Every name that must never pass, one concrete name for each pattern.
Strings forbidden_names() {
    Strings names;
    for (const std::string_view name : routing_variables())
        if (is_reserved(name)) names.emplace_back(name);
    for (const char* name : {"ANTHROPIC_API_KEY",
                             "OPENAI_API_KEY",
                             "ZAI_API_KEY",
                             "MINIMAX_API_KEY",
                             "KIMI_CODE_API_KEY",
                             "ANTHROPIC_AUTH_TOKEN",
                             "ANTHROPIC_BASE_URL",
                             "ANTHROPIC_MODEL",
                             "ANTHROPIC_DEFAULT_FABLE_MODEL",
                             "CLAUDE_CODE_OAUTH_TOKEN",
                             "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
                             "CLAUDE_CODE_USE_BEDROCK",
                             "OPENAI_BASE_URL",
                             "CODEX_API_KEY",
                             "OPENCODE_CONFIG",
                             "OPENCODE_CONFIG_CONTENT",
                             "OPENCODE_CONFIG_DIR",
                             "OPENCODE_AUTH_CONTENT",
                             "JACKIN_CODEX_PROFILE",
                             "CAPSULE_SOCKET",
                             "CAPSULE_AGENT",
                             "CAPSULE_PROVIDER",
                             "OP_SERVICE_ACCOUNT_TOKEN",
                             "OP_SESSION_x",
                             "LD_PRELOAD",
                             "LD_LIBRARY_PATH",
                             "NODE_OPTIONS",
                             "BASH_ENV",
                             "PYTHONPATH",
                             "CODEX_HOME",
                             "XDG_CONFIG_HOME",
                             "CLAUDE_CONFIG_DIR"})
        names.emplace_back(name);
    return names;
}

TEST(SessionEnv, NothingReservedPassesWhateverTheSource) {
    const StringMap clean = env_of(bare(Session()));
    for (const std::string& name : forbidden_names()) {
        Session by_request, by_daemon, by_config;
        for (Session* session : {&by_request, &by_daemon, &by_config})
            session->config.session.passthrough = {"*", name};
        by_request.request_env = {{name, "evil"}};
        by_daemon.daemon_env.insert_or_assign(name, Secret("evil"));
        by_config.config.env.insert_or_assign(name, configured("evil"));
        EXPECT_EQ(env_of(bare(by_request)), clean) << name;
        EXPECT_THAT(bare(by_request).dropped, ElementsAre(name));
        EXPECT_EQ(env_of(bare(by_daemon)), clean) << name;
        EXPECT_EQ(env_of(bare(by_config)), clean) << name;
    }
}

TEST(SessionEnv, ConfiguredValuesMayReferToTheDaemonsEnvironment) {
    Session session;
    session.daemon_env.emplace("TEAM", Secret("blue"));
    session.config.env.emplace("A", configured("$TEAM"));
    session.config.env.emplace("B", configured("${TEAM}"));
    session.config.env.emplace("C", configured("$TEAM-x"));
    session.config.env.emplace("D", configured(""));
    const Plan plan = bare(session);
    EXPECT_EQ(plan.env.at("A").reveal(), "blue");
    EXPECT_EQ(plan.env.at("B").reveal(), "blue");
    EXPECT_EQ(plan.env.at("C").reveal(), "$TEAM-x");
    EXPECT_EQ(plan.env.at("D").reveal(), "");
    EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(SessionEnv, AConfiguredValueThatCannotBeHadIsLeftOutWithAWarning) {
    for (const char* value : {"$NOT_SET", "op://Private/gh/token", "$ZAI_API_KEY", "$CLAUDE_CODE_OAUTH_TOKEN"}) {
        Session session;
        session.daemon_env = every_secret();
        session.config.env.emplace("MINE", configured(value));
        const Plan plan = bare(session);
        EXPECT_THAT(plan.env, Not(Contains(Key("MINE")))) << value;
        ASSERT_THAT(warning_codes(plan), ElementsAre("env.unusable")) << value;
        EXPECT_THAT(plan.warnings.front().message, HasSubstr("MINE (capsule.toml:12)"));
        EXPECT_THAT(plan.warnings.front().message, Not(HasSubstr("FAKE-secret")));
    }
}

TEST(SessionEnv, NearerScopesOfEnvWin) {
    Session session;
    session.config.env.emplace("TEAM", configured("global"));
    session.config.workspaces["acme"].env.emplace("TEAM", configured("acme"));
    session.config.workspaces["acme"].roles["reviewer"].emplace("TEAM", configured("reviewer"));
    EXPECT_EQ(bare_env(session)["TEAM"], "global");
    session.workspace = "unknown";
    EXPECT_EQ(bare_env(session)["TEAM"], "global");
    session.workspace = "acme";
    EXPECT_EQ(bare_env(session)["TEAM"], "acme");
    session.role = "reviewer";
    EXPECT_EQ(bare_env(session)["TEAM"], "reviewer");
}

TEST(SessionEnv, PathHasAbsoluteEntriesOnly) {
    Session session;
    const auto path_with = [&](const char* path) {
        session.request_env = {{"PATH", path}};
        EXPECT_EQ(session_path(session.inputs()), bare_env(session)["PATH"]);
        return bare_env(session)["PATH"];
    };
    EXPECT_EQ(path_with("/usr/bin:.:bin::/bin:"), "/usr/bin:/bin");
    EXPECT_EQ(path_with(":/opt/x"), "/opt/x");
    const std::string fallback = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    EXPECT_EQ(path_with("."), fallback);
    EXPECT_EQ(path_with(""), fallback);
    session.daemon_env.clear();
    session.request_env.clear();
    EXPECT_EQ(bare_env(session)["PATH"], fallback);
}

TEST(SessionEnv, ConfigLocationsComeFromTheHome) {
    Session session;
    session.home.codex_home = "/srv/codex";
    session.home.xdg_config_home = "/srv/config";
    session.home.claude_config_dir = "/srv/claude";
    session.config.session.codex_home = "/srv/codex";
    const Plan plan = bare(session);
    EXPECT_EQ(plan.env.at("CODEX_HOME").reveal(), "/srv/codex");
    EXPECT_EQ(plan.env.at("CODEX_HOME").from, "capsule.toml: [session]");
    EXPECT_EQ(plan.env.at("XDG_CONFIG_HOME").reveal(), "/srv/config");
    EXPECT_EQ(plan.env.at("XDG_CONFIG_HOME").from, "daemon environment");
    EXPECT_EQ(plan.env.at("CLAUDE_CONFIG_DIR").reveal(), "/srv/claude");
}

TEST(SessionEnv, WhereProjectsAreLeftOutGitRunsNothingOfTheirs) {
    Session session;
    session.config.session.passthrough = {"GIT_*"};
    session.request_env = {{"GIT_CONFIG_COUNT", "1"},
                           {"GIT_CONFIG_KEY_0", "core.pager"},
                           {"GIT_CONFIG_VALUE_0", "./theirs"},
                           {"GIT_CONFIG_PARAMETERS", "'core.hooksPath'='hooks'"},
                           {"GIT_TERMINAL_PROMPT", "0"}};
    EXPECT_EQ(bare_env(session)["GIT_CONFIG_VALUE_0"], "./theirs") << "the operator's own choice, by default";
    session.config.session.project_settings = ProjectSettings::ignore;
    const Plan plan = bare(session);
    StringMap env = env_of(plan);
    EXPECT_EQ(env["GIT_CONFIG_COUNT"], "2");
    EXPECT_EQ(env["GIT_CONFIG_KEY_0"], "core.fsmonitor");
    EXPECT_EQ(env["GIT_CONFIG_VALUE_0"], "false");
    EXPECT_EQ(env["GIT_CONFIG_KEY_1"], "core.hooksPath");
    EXPECT_EQ(env["GIT_CONFIG_VALUE_1"], "/dev/null");
    EXPECT_EQ(env["GIT_TERMINAL_PROMPT"], "0");
    EXPECT_FALSE(env.contains("GIT_CONFIG_PARAMETERS"));
    EXPECT_THAT(plan.dropped,
                ElementsAre("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_VALUE_0"));
    // What the operator says for every session stays, and ours comes after it.
    session.config.env.emplace("GIT_CONFIG_COUNT", configured("1"));
    session.config.env.emplace("GIT_CONFIG_KEY_0", configured("safe.directory"));
    session.config.env.emplace("GIT_CONFIG_VALUE_0", configured("*"));
    env = env_of(bare(session));
    EXPECT_EQ(env["GIT_CONFIG_COUNT"], "3");
    EXPECT_EQ(env["GIT_CONFIG_VALUE_0"], "*");
    EXPECT_EQ(env["GIT_CONFIG_KEY_1"], "core.fsmonitor");
    EXPECT_EQ(env["GIT_CONFIG_KEY_2"], "core.hooksPath");
}

TEST(SessionEnv, ExplainDoesNotShowTokensOrProxyPasswords) {
    Session session;
    session.daemon_env.emplace("GH_TOKEN", Secret("FAKE-gh-token-0001"));
    EXPECT_FALSE(bare(session).env.contains("GH_TOKEN")) << "a secret passes only where an operator names it";
    session.config.session.passthrough = {"GH_TOKEN"};
    session.daemon_env.emplace("HTTPS_PROXY", Secret("http://me:FAKE-password@proxy:3128"));
    session.daemon_env.emplace("NO_PROXY", Secret("localhost"));
    const Plan plan = bare(session);
    EXPECT_TRUE(plan.env.at("GH_TOKEN").secret());
    EXPECT_TRUE(plan.env.at("HTTPS_PROXY").secret());
    EXPECT_FALSE(plan.env.at("NO_PROXY").secret());
    EXPECT_FALSE(plan.env.at("PATH").secret());
}

TEST(SessionEnv, WhatIsNoUtf8IsLeftOutAndNamed) {
    Session session;
    session.daemon_env.insert_or_assign("EDITOR", Secret("vi\xff"));
    session.daemon_env.insert_or_assign("PATH", Secret("/opt/\xe9/bin:/usr/bin:/bin"));
    session.daemon_env.insert_or_assign("NOBODY_ASKED", Secret("\xff"));
    const Plan plan = bare(session);
    EXPECT_FALSE(plan.env.contains("EDITOR"));
    EXPECT_EQ(plan.env.at("PATH").reveal(), "/usr/bin:/bin");
    ASSERT_THAT(warning_codes(plan), ::testing::ElementsAre("env.unusable", "env.unusable"));
    EXPECT_THAT(plan.warnings[0].message, ::testing::HasSubstr("EDITOR (daemon environment)"));
    EXPECT_THAT(plan.warnings[1].message, ::testing::HasSubstr("an entry of PATH"));
}

TEST(SessionEnv, ExplainSaysWhereAnotherShellIsFrom) {
    Session session;
    session.home.shell_from = "capsuled: /usr/sbin/nologin, the session user's own, runs no commands";
    EXPECT_EQ(bare(session).env.at("SHELL").from, session.home.shell_from);
}

}  // namespace
}  // namespace capsule::test
