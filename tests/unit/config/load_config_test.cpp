// capsule.toml and role manifests: what each setting means, and what is refused with which words.
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::expect_refused;
using test::loaded;
using test::Refusal;

TEST(LoadConfig, NothingIsTheDefaults) {
    const Config config = loaded("");
    EXPECT_EQ(config.path, std::nullopt);
    EXPECT_EQ(config.daemon.socket, std::nullopt);
    EXPECT_THAT(config.access.status, testing::ElementsAre("*"));
    EXPECT_THAT(config.access.spawn, testing::ElementsAre("root"));
    EXPECT_THAT(config.access.admin, testing::ElementsAre("root"));
    EXPECT_EQ(config.limits.connections, 1024U);
    EXPECT_EQ(config.limits.request_bytes, 256U * 1024);
    EXPECT_EQ(config.limits.request_timeout, std::chrono::seconds(10));
    EXPECT_EQ(config.session.project_settings, ProjectSettings::allow);
    EXPECT_EQ(config.opencode_keys, OpencodeKeys::in_file);
    EXPECT_EQ(config.agents.size(), 3U);
    EXPECT_EQ(config.agent(Agent::claude).native, ClaudeNative::automatic);
    EXPECT_EQ(config.catalog.providers.size(), 5U);
}

TEST(LoadConfig, EverySetting) {
    const Config config = loaded(R"([daemon]
socket = "/run/x.sock"
socket_group = "capsule"
log_level = "debug"
log_format = "json"
[access]
status = ["*"]
spawn = ["agent", "@devs"]
admin = []
[limits]
connections = 10
request_bytes = 4096
output_bytes = 8192
request_timeout_ms = 100
write_timeout_ms = 200
[session]
user = "agent"
passthrough = ["MY_TEAM_*", "FOO", "*"]
project_settings = "ignore"
codex_home = "/c"
xdg_config_home = "/x"
claude_config_dir = "/d"
[agents.claude]
args = ["--dangerously-skip-permissions"]
provider = "zai"
native = "api_key"
[agents.codex]
args = ["-c", "model_reasoning_effort=high"]
[claude]
model = "opus"
[claude.providers.minimax]
model = "MiniMax-M2.7"
haiku_model = "MiniMax-M2"
[opencode]
api_key = "env"
model = "anthropic/claude-x"
[opencode.providers.zai]
model = "zai/glm-4.7"
)");
    EXPECT_EQ(config.daemon.socket, "/run/x.sock");
    EXPECT_EQ(config.daemon.socket_group, "capsule");
    EXPECT_EQ(config.daemon.log_level, "debug");
    EXPECT_EQ(config.daemon.log_format, "json");
    EXPECT_THAT(config.access.spawn, testing::ElementsAre("agent", "@devs"));
    EXPECT_TRUE(config.access.admin.empty());
    EXPECT_EQ(config.limits.connections, 10U);
    EXPECT_EQ(config.limits.request_bytes, 4096U);
    EXPECT_EQ(config.limits.output_bytes, 8192U);
    EXPECT_EQ(config.limits.request_timeout, std::chrono::milliseconds(100));
    EXPECT_EQ(config.limits.write_timeout, std::chrono::milliseconds(200));
    EXPECT_EQ(config.session.user, "agent");
    EXPECT_THAT(config.session.passthrough, testing::ElementsAre("MY_TEAM_*", "FOO", "*"));
    EXPECT_EQ(config.session.project_settings, ProjectSettings::ignore);
    EXPECT_EQ(config.session.codex_home, "/c");
    EXPECT_EQ(config.session.xdg_config_home, "/x");
    EXPECT_EQ(config.session.claude_config_dir, "/d");
    const AgentConfig& claude = config.agent(Agent::claude);
    EXPECT_THAT(claude.args.value, testing::ElementsAre("--dangerously-skip-permissions"));
    EXPECT_EQ(claude.args.origin, "capsule.toml:24");
    EXPECT_EQ(claude.provider->value, "zai");
    EXPECT_EQ(claude.provider->origin, "capsule.toml:25");
    EXPECT_EQ(claude.native, ClaudeNative::api_key);
    EXPECT_EQ(claude.models.model->value, "opus");
    EXPECT_EQ(claude.models.providers.at("minimax").model->value, "MiniMax-M2.7");
    EXPECT_EQ(claude.models.providers.at("minimax").haiku_model->origin, "capsule.toml:33");
    EXPECT_EQ(config.opencode_keys, OpencodeKeys::env);
    EXPECT_EQ(config.agent(Agent::opencode).models.providers.at("zai").model->value, "zai/glm-4.7");
}

TEST(LoadConfig, KeysOfEveryScope) {
    const Config config = loaded(R"([env]
ZAI_API_KEY = "op://Private/zai/key"
KIMI_CODE_API_KEY = "${KIMI_KEY}"
MINIMAX_API_KEY = "sk-cp-FAKE-minimax-0001"
CLAUDE_CODE_OAUTH_TOKEN = "FAKE-oauth-0001"
MY_TEAM = "a b $HOME"
OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector:4318"
[workspaces.acme.env]
ZAI_API_KEY = "$ACME_ZAI_KEY"
[workspaces.acme.roles.reviewer.env]
ZAI_API_KEY = ""
)");
    EXPECT_EQ(config.env.at("ZAI_API_KEY").value.reveal(), "op://Private/zai/key");
    EXPECT_EQ(config.env.at("ZAI_API_KEY").origin, "capsule.toml:2");
    EXPECT_EQ(config.env.at("MY_TEAM").value.reveal(), "a b $HOME");
    EXPECT_EQ(config.env.at("CLAUDE_CODE_OAUTH_TOKEN").value.reveal(), "FAKE-oauth-0001");
    const WorkspaceConfig& acme = config.workspaces.at("acme");
    EXPECT_EQ(acme.env.at("ZAI_API_KEY").value.reveal(), "$ACME_ZAI_KEY");
    EXPECT_TRUE(acme.roles.at("reviewer").at("ZAI_API_KEY").value.empty());
}

TEST(LoadConfig, RoleManifests) {
    const Config config = loaded("", {{"reviewer",
                                       "[claude]\nmodel = \"haiku\"\n[claude.providers.zai]\nmodel = \"glm-4.7\"\n"
                                       "[codex.providers.minimax]\nmodel = \"MiniMax-M2.7\"\n"}});
    const RoleManifest& role = config.roles.at("reviewer");
    EXPECT_EQ(role.agents.at(Agent::claude).model->value, "haiku");
    EXPECT_EQ(role.agents.at(Agent::claude).providers.at("zai").model->origin, "roles/reviewer.toml:4");
    EXPECT_EQ(role.agents.at(Agent::codex).providers.at("minimax").model->value, "MiniMax-M2.7");
}

TEST(LoadConfig, RoleManifestErrorsNameTheirFile) {
    const auto unknown = test::parse("", {{"reviewer", "[claude]\nmodle = \"haiku\"\n"}});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().message,
              "/etc/capsule/roles/reviewer.toml:2:1: claude.modle: unknown setting\nmodle = \"haiku\"");
    EXPECT_EQ(unknown.error().hint, "Did you mean \"model\"?");

    const auto key = test::parse("", {{"reviewer", "[env]\nZAI_API_KEY = \"FAKE-0001\"\n"}});
    ASSERT_FALSE(key) << "a manifest holds no keys";
    EXPECT_EQ(key.error().message, "/etc/capsule/roles/reviewer.toml:1:2: env: unknown section\n[env]");

    const auto name = test::parse("", {{"../x", ""}});
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().message, "/etc/capsule/roles/../x.toml: \"../x\" cannot be a role's name");
}

TEST(LoadConfigRefusal, SectionsAndTypes) {
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[deamon]\nsocket = \"/x\"", "1:2: deamon: unknown section\n[deamon]", "Did you mean \"daemon\"?"},
             {"[foo]", "1:2: foo: unknown section\n[foo]", "Known here: \"daemon\", \"access\""},
             {"daemon = 5", "1:10: daemon: expected a table, got an integer\ndaemon = 5"},
             {"[daemon]\nscoket = \"/x\"", "2:1: daemon.scoket: unknown setting\nscoket = \"/x\"",
              "Did you mean \"socket\"?"},
             {"[daemon]\nwhatever = \"FAKE-key\"", "2:1: daemon.whatever: unknown setting\nwhatever = …"},
             {"[daemon]\nsocket = 1", "2:10: daemon.socket: expected a string, got an integer\nsocket = 1"},
             {"[daemon]\nsocket = \"x.sock\"", "2:10: daemon.socket: must be an absolute path\nsocket = \"x.sock\""},
             {"[daemon]\nsocket = \"/x\\u0000\"",
              "2:10: daemon.socket: a path has no control characters\nsocket = \"/x\\u0000\""},
             {"[daemon]\nsocket_group = \"\"",
              "2:16: daemon.socket_group: must be a name without white space, ':', ',' and '/'\nsocket_group = \"\""},
             {"[daemon]\nlog_level = \"debgu\"",
              "2:13: daemon.log_level: unknown value \"debgu\"\nlog_level = \"debgu\"", "Did you mean \"debug\"?"},
             {"[access]\nspawn = \"root\"",
              "2:9: access.spawn: expected a list of strings, got a string\nspawn = \"root\""},
             {"[access]\nspawn = [\"root\", 5]",
              "2:18: access.spawn: expected a string in the list, got an integer\nspawn = [\"root\", 5]"},
             {"[access]\nspawn = [\"@\"]",
              "2:10: access.spawn: \"@\" is neither a user, a \"@group\", nor \"*\"\nspawn = [\"@\"]"},
             {"[access]\nspawn = [\"a b\"]",
              "2:10: access.spawn: \"a b\" is neither a user, a \"@group\", nor \"*\"\nspawn = [\"a b\"]"},
             {"[limits]\nconnections = 0", "2:15: limits.connections: 0 is out of range\nconnections = 0", "from 1 to"},
             {"[limits]\nrequest_bytes = 1.5",
              "2:17: limits.request_bytes: expected an integer, got a number with a fraction\nrequest_bytes = 1.5"},
             {"[limits]\nrequest_timeout_ms = true",
              "2:22: limits.request_timeout_ms: expected an integer, got true or false\nrequest_timeout_ms = true"},
             {"[session]\nuser = \"a/b\"",
              "2:8: session.user: must be a name without white space, ':', ',' and '/'\nuser = \"a/b\""},
             {"[session]\npassthrough = [\"A-B\"]",
              "2:16: session.passthrough: \"A-B\" is no variable name, nor the beginning of one and '*'\n"
              "passthrough = [\"A-B\"]"},
             {"[session]\nproject_settings = \"ignored\"",
              "2:20: session.project_settings: unknown value \"ignored\"\nproject_settings = \"ignored\"",
              "Did you mean \"ignore\"?"},
             {"[session]\ncodex_home = \"~/.codex\"",
              "2:14: session.codex_home: must be an absolute path\ncodex_home = \"~/.codex\""},
         })
        expect_refused(refusal);
}

TEST(LoadConfigRefusal, AgentsAndModels) {
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[agents.claud]", "1:9: agents.claud: unknown section\n[agents.claud]", "Did you mean \"claude\"?"},
             {"[agents.claude]\nprovider = \"zaii\"",
              "2:12: agents.claude.provider: there is no provider \"zaii\"\nprovider = \"zaii\"",
              "Did you mean \"zai\"?"},
             {"[agents.codex]\nprovider = \"zai\"",
              "2:12: agents.codex.provider: Codex on Z.AI is blocked: Chat Completions only; Codex accepts only the "
              "Responses API\nprovider = \"zai\"",
              "[providers.zai.codex]"},
             {"[agents.opencode]\nprovider = \"openai\"",
              "2:12: agents.opencode.provider: OpenCode on OpenAI is not supported\nprovider = \"openai\""},
             {"[agents.codex]\nnative = \"home\"", "2:1: agents.codex.native: unknown setting\nnative = …"},
             {"[agents.claude]\nnative = \"oauth\"",
              "2:10: agents.claude.native: unknown value \"oauth\"\nnative = \"oauth\""},
             {"[agents.claude]\nargs = [\"a\\u0000\"]",
              "2:9: agents.claude.args: the argument has a NUL character\nargs = [\"a\\u0000\"]"},
             {"[claude]\nmodel = \"a b\"", "2:9: claude.model: \"a b\" cannot be a model's name\nmodel = \"a b\""},
             {"[claude]\napi_key = \"FAKE\"", "2:1: claude.api_key: unknown setting\napi_key = …"},
             {"[claude.providers.nobody]\nmodel = \"x\"",
              "1:19: claude.providers.nobody: there is no provider \"nobody\"\n[claude.providers.nobody]"},
             {"[codex.providers.kimi]\nmodel = \"x\"",
              "1:18: codex.providers.kimi: Codex on Kimi is blocked: Chat Completions only; Codex accepts only the "
              "Responses API\n[codex.providers.kimi]"},
             {"[codex.providers.minimax]\nopus_model = \"x\"",
              "2:1: codex.providers.minimax.opus_model: unknown setting\nopus_model = …"},
             {"[claude.providers.zai]\nmodel = \"sonnet\"",
              "2:9: claude.providers.zai.model: \"sonnet\" is Claude Code's name of a tier, not a model of Z.AI\n"
              "model = \"sonnet\"",
              "--model sonnet"},
             {"[claude.providers.anthropic]\nopus_model = \"x\"",
              "2:14: claude.providers.anthropic.opus_model: Claude Code maps the tiers of its own account itself\n"
              "opus_model = \"x\""},
             {"[opencode.providers.zai]\nmodel = \"kimi/kimi-for-coding\"",
              "2:9: opencode.providers.zai.model: \"kimi/kimi-for-coding\" is a model of Kimi, not of Z.AI\n"
              "model = \"kimi/kimi-for-coding\""},
             {"[opencode]\nmodel = \"zai/glm-5.1\"",
              "2:9: opencode.model: \"zai/glm-5.1\" is a model of Z.AI, not of Anthropic\nmodel = \"zai/glm-5.1\"",
              "[opencode.providers.<id>]"},
             {"[opencode]\napi_key = \"inlin\"", "2:11: opencode.api_key: unknown value \"inlin\"\napi_key = \"inlin\"",
              "Did you mean \"inline\"?"},
             {"[opencode]\napi_key = \"sk-cp-FAKE-minimax-0001\"",
              "2:11: opencode.api_key: this value is not known\napi_key = …", "\"inline\", \"env\""},
         })
        expect_refused(refusal);
}

TEST(LoadConfigRefusal, ArgumentsThatDefeatAPin) {
    const auto text = [](const std::string& agent, const std::string& args) {
        return "[session]\nproject_settings = \"ignore\"\n[agents." + agent + "]\nargs = [" + args + "]\n";
    };
    for (const auto& [agent, args] : std::vector<std::pair<std::string, std::string>>{
             {"codex", "\"--profile\", \"x\""},
             {"codex", "\"--profile=x\""},
             {"codex", "\"-p\", \"x\""},
             {"codex", "\"-px\""},
             {"codex", "\"-m\", \"gpt\""},
             {"codex", "\"--model=gpt\""},
             {"codex", "\"--oss\""},
             {"codex", "\"-c\", \"model_provider=\\\"x\\\"\""},
             {"codex", "\"-cmodel_provider=x\""},
             {"codex", "\"--config\", \"model_providers.minimax.base_url='x'\""},
             {"codex", "\"--config=profile=x\""},
             {"codex", "\"-c\", \" model_catalog_json = 'x'\""},
             {"codex", "\"-c\", \"model=x\""},
             {"opencode", "\"-m\", \"zai/x\""},
             {"opencode", "\"--model=x\""},
             {"claude", "\"--setting-sources\", \"user,project\""}})
        EXPECT_FALSE(test::parse(text(agent, args))) << agent << " " << args;
    for (const auto& [agent, args] :
         std::vector<std::pair<std::string, std::string>>{{"codex", "\"-c\", \"model_reasoning_effort=high\""},
                                                          {"codex", "\"--full-auto\""},
                                                          {"codex", "\"--config=tools.web_search=true\""},
                                                          {"opencode", "\"--print-logs\""},
                                                          {"claude", "\"--model\", \"sonnet\""},
                                                          {"claude", "\"--settings\", \"/x.json\""},
                                                          {"claude", "\"-p\""}})
        EXPECT_TRUE(test::parse(text(agent, args))) << agent << " " << args;
    EXPECT_TRUE(test::parse("[agents.claude]\nargs = [\"--setting-sources\", \"user\"]"));
    expect_refused({"[agents.codex]\nargs = [\"--full-auto\", \"--profile\", \"x\"]",
                    "2:24: agents.codex.args: \"--profile\": would change the provider\n"
                    "args = [\"--full-auto\", \"--profile\", \"x\"]",
                    "Remove the argument"});
}

TEST(LoadConfigRefusal, EnvNeverShowsAValue) {
    const std::string at = "2:1: env.";
    const std::string reserved = " is reserved: it is set by the route alone, or never\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[env]\n\"A-B\" = \"FAKE-0001\"", at + "A-B: this is no variable name\nA-B = …"},
             {"[env]\nANTHROPIC_BASE_URL = \"FAKE\"",
              at + "ANTHROPIC_BASE_URL: ANTHROPIC_BASE_URL" + reserved + "ANTHROPIC_BASE_URL = …"},
             {"[env]\nCODEX_API_KEY = \"FAKE\"", at + "CODEX_API_KEY: CODEX_API_KEY" + reserved + "CODEX_API_KEY = …"},
             {"[env]\nOP_SESSION = \"FAKE\"", at + "OP_SESSION: OP_SESSION" + reserved + "OP_SESSION = …"},
             {"[env]\nHOME = \"/x\"", at + "HOME: HOME is always the session user's own\nHOME = …"},
             {"[env]\nCODEX_HOME = \"/x\"",
              at + "CODEX_HOME: CODEX_HOME says where an agent's files are: [session] has a setting for it\n"
                   "CODEX_HOME = …"},
             {"[env]\nZAI_API_KEY = 12345678",
              "2:15: env.ZAI_API_KEY: expected a string, got an integer\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"op://vault\"",
              at + "ZAI_API_KEY: this is no complete op:// reference\nZAI_API_KEY = …", "op://vault/item/field"},
             {"[env]\nZAI_API_KEY = \"$1X\"",
              at + "ZAI_API_KEY: what begins with '$' must be $NAME or ${NAME}, a variable of the daemon's "
                   "environment\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"${A\"",
              at + "ZAI_API_KEY: what begins with '$' must be $NAME or ${NAME}, a variable of the daemon's "
                   "environment\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"FAKE 0001\"",
              at + "ZAI_API_KEY: a key has no white space and no control characters\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"FAKE\\n\"",
              at + "ZAI_API_KEY: a key has no white space and no control characters\nZAI_API_KEY = …"},
             {"[env]\nMY = \"a\\u0000b\"", at + "MY: the value has a NUL character\nMY = …"},
             {"[workspaces.acme.env]\nZAI_API_KEY = [\"FAKE\"]",
              "2:15: workspaces.acme.env.ZAI_API_KEY: expected a string, got a list\nZAI_API_KEY = …"},
             {"[workspaces.acme.roles.dev.env]\nLD_PRELOAD = \"FAKE\"",
              "2:1: workspaces.acme.roles.dev.env.LD_PRELOAD: LD_PRELOAD" + reserved + "LD_PRELOAD = …"},
             {"[providers.zai]\nkey_env = \"Z2\"\n[env]\nZAI_API_KEY = \"FAKE\"",
              "4:1: env.ZAI_API_KEY: this is no key variable any more\nZAI_API_KEY = …",
              "[providers.zai] says Z2: use that name."},
         })
        expect_refused(refusal);
}

TEST(LoadConfigRefusal, Workspaces) {
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[workspaces.\"a/b\"]", "1:13: workspaces.\"a/b\": cannot be a workspace's name\n[workspaces.\"a/b\"]",
              "letters, digits"},
             {"[workspaces.\"..\".env]",
              "1:13: workspaces.\"..\": cannot be a workspace's name\n[workspaces.\"..\".env]"},
             {"[workspaces.acme.roles.\"-x\".env]",
              "1:24: workspaces.acme.roles.-x: cannot be a role's name\n[workspaces.acme.roles.\"-x\".env]"},
             {"[workspaces.acme]\nenvv = \"FAKE\"", "2:1: workspaces.acme.envv: unknown setting\nenvv = \"FAKE\"",
              "Did you mean \"env\"?"},
             {"[workspaces.acme.rolse.dev.env]\nX = \"FAKE\"",
              "1:18: workspaces.acme.rolse: unknown section\n[workspaces.acme.rolse.dev.env]",
              "Did you mean \"roles\"?"},
             {"[workspaces]\nacme = 1", "2:1: workspaces.acme: expected a table, got an integer\nacme = …"},
         })
        expect_refused(refusal);
}

TEST(LoadConfigRefusal, BrokenToml) {
    const auto message = [](const std::string& text) { return test::parse(text).error().message; };
    EXPECT_THAT(
        message("[daemon]\nlog_level = \"info\n"),
        testing::AllOf(testing::StartsWith("/etc/capsule/capsule.toml:2:"),
                       testing::HasSubstr(": this is not valid TOML: "), testing::EndsWith("\nlog_level = \"info")));
    EXPECT_THAT(message("[daemon\n"), testing::EndsWith("\n[daemon"));
    EXPECT_THAT(message("[daemon]\n[daemon]\n"), testing::EndsWith("\n[daemon]"));
    EXPECT_EQ(message("[providers.aa]\nkey_env = \"A\"\n[providers.aa]\nkey_env = \"B\"\n").substr(0, 29),
              "/etc/capsule/capsule.toml:3:1")
        << "a duplicate provider";
    EXPECT_FALSE(test::parse("[.]"));
    EXPECT_FALSE(test::parse("["));
    EXPECT_FALSE(test::parse("a = \"\xff\""));
}

TEST(LoadConfigRefusal, BrokenTomlNeverShowsAKey) {
    const std::string key = "trueFAKEsecret0001";
    for (const std::string& text : std::vector<std::string>{
             "[env]\nZAI_API_KEY = " + key + "\n",
             "[env]\nZAI_API_KEY = \"" + key + "\n",
             "[env]\nZAI_API_KEY = '" + key + "\n",
             "[env]\nZAI_API_KEY \"" + key + "\"\n",
             "[env]\nZAI_API_KEY = \"\"\"\n[daemon]\nmodel = " + key + "\n",
             "[env]\nZAI_API_KEY = [\n[\"" + key + "\"]\n\"" + key + "\"\n",
             "[env]\n" + key + "\n",
             "[env]\n" + key + "==\n",
             "[env]\n\"" + key + "\n",
             "env.ZAI_API_KEY = " + key + "\n",
             "env = { ZAI_API_KEY = " + key + " }\n",
             "workspaces.acme.env.ZAI_API_KEY = " + key + "\n",
             "[workspaces.acme]\nenv = { ZAI_API_KEY = \"" + key + "\" \n",
             "[workspaces.acme.\"e\\u006ev\"]\nmodel = " + key + "\n",
             "[\"e\\u006ev\"]\nmodel = " + key + "\n",
             "[daemon]\nZAI_API_KEY = " + key + "\n",
             "ZAI_API_KEY = \"" + key + "\" x\n",
             "[env]\nZAI_API_KEY = 0x" + key + "\n",
             "[env]\nZAI_API_KEY = \"a\"\nZAI_API_KEY = \"" + key + "\"\n",
             "[[\"" + key + "\"]\n",
         }) {
        const auto config = test::parse(text);
        ASSERT_FALSE(config) << text;
        EXPECT_THAT(config.error().message, testing::Not(testing::HasSubstr("FAKE"))) << text;
        EXPECT_THAT(config.error().hint, testing::Not(testing::HasSubstr("FAKE"))) << text;
    }
}

TEST(LoadConfigRefusal, NoErrorShowsAKeyBesideIt) {
    for (const std::string& text : std::vector<std::string>{
             "workspaces = { acme = { env = { ZAI_API_KEY = \"FAKE\" }, foo = 1 } }",
             "workspces.acme.env.ZAI_API_KEY = \"FAKE\"",
             "workspaces.acme.env.LD_PRELOAD = \"FAKE\"",
             "env = { ZAI_API_KEY = \"FAKE\", LD_PRELOAD = \"FAKE\" }",
             "envv = { ZAI_API_KEY = \"FAKE\" }",
             "ZAI_API_KEY = \"FAKE\"",
             "[providers.zai]\napi_key = \"FAKE\"",
             "[providers.zai]\nkey = \"FAKE\"",
             "[daemon]\nsocket = 5 # FAKE",
             "daemon = { socket = 5, ZAI_API_KEY = \"FAKE\" }",
             "[workspaces.acme]\nenv = \"\"\"\nFAKE\"\"\"\n[daemon]\nsocket = 5",
         }) {
        const auto config = test::parse(text);
        ASSERT_FALSE(config) << text;
        EXPECT_THAT(config.error().message + config.error().hint, testing::Not(testing::HasSubstr("FAKE"))) << text;
    }
}

}  // namespace
}  // namespace capsule
