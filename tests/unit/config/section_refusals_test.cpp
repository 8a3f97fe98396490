// What capsule.toml may not say in each section, and the words of each refusal.
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::expect_refused;
using test::Refusal;

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
              "2:10: daemon.socket: a path has no control characters\nsocket = \"…\""},
             {"[daemon]\nsocket_group = \"\"", "2:16: daemon.socket_group: a name is missing\nsocket_group = \"\""},
             {"[daemon]\nlog_level = \"debgu\"",
              "2:13: daemon.log_level: unknown value \"debgu\"\nlog_level = \"debgu\"", "Did you mean \"debug\"?"},
             {"[access]\nspawn = \"root\"", "2:9: access.spawn: expected a list of strings, got a string\nspawn = …"},
             {"[access]\nspawn = [\"root\", 5]",
              "2:18: access.spawn: expected a string in the list, got an integer\nspawn = …"},
             {"[access]\nspawn = [\"@\"]",
              "2:10: access.spawn: \"@\" is neither a user, a \"@group\", nor \"*\"\nspawn = [\"@\"]"},
             {"[access]\nspawn = [\"a:b\"]",
              "2:10: access.spawn: \"a:b\" is neither a user, a \"@group\", nor \"*\"\nspawn = [\"a:b\"]"},
             {"[limits]\nconnections = 0", "2:15: limits.connections: 0 is out of range\nconnections = 0", "from 1 to"},
             {"[limits]\nrequest_bytes = 1.5",
              "2:17: limits.request_bytes: expected an integer, got a number with a fraction\nrequest_bytes = 1.5"},
             {"[limits]\nrequest_timeout_ms = true",
              "2:22: limits.request_timeout_ms: expected an integer, got true or false\nrequest_timeout_ms = true"},
             {"[session]\nuser = \"a:b\"", "2:8: session.user: a name of the system's has no ':'\nuser = \"a:b\""},
             {"[session]\nuser = \"-dash\"", "2:8: session.user: a name does not begin with '-'\nuser = \"-dash\""},
             {"[session]\npassthrough = [\"A-B\"]",
              "2:16: session.passthrough: \"A-B\" is no variable name, nor the beginning of one and '*'\n"
              "passthrough = [\"A-B\"]"},
             {"[session]\nprivileges = \"keeps\"",
              "2:14: session.privileges: unknown value \"keeps\"\nprivileges = \"keeps\"",
              "It must be one of \"drop\", \"keep\"."},
             {"[session]\nproject_settings = \"ignored\"",
              "2:20: session.project_settings: unknown value \"ignored\"\nproject_settings = \"ignored\"",
              "Did you mean \"ignore\"?"},
             {"[session]\ncodex_home = \"~/.codex\"",
              "2:14: session.codex_home: must be an absolute path\ncodex_home = \"~/.codex\""},
         })
        expect_refused(refusal);
}

TEST(LoadConfigRefusal, SessionsWithoutKeys) {
    const std::string loopback_alone = "The broker serves this machine's sessions alone.";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[session]\nkeys = \"brokr\"", "2:8: session.keys: unknown value \"brokr\"\nkeys = \"brokr\"",
              "Did you mean \"broker\"?"},
             {"[keys]\nop = \"op\"", "2:6: keys.op: must be an absolute path\nop = \"op\""},
             {"[broker]\nlisten = \"0.0.0.0:4587\"", "2:10: broker.listen: must be \"127.0.0.1:PORT\"\nlisten = …",
              loopback_alone},
             {"[broker]\nlisten = \"[::1]:4587\"", "2:10: broker.listen: must be \"127.0.0.1:PORT\"\nlisten = …",
              loopback_alone},
             {"[broker]\nlisten = \"127.0.0.1:\"", "2:10: broker.listen: must be \"127.0.0.1:PORT\"\nlisten = …",
              loopback_alone},
             {"[broker]\nlisten = \"127.0.0.1:0\"", "2:10: broker.listen: must be \"127.0.0.1:PORT\"\nlisten = …",
              loopback_alone},
             {"[broker]\nlisten = \"127.0.0.1:65536\"", "2:10: broker.listen: must be \"127.0.0.1:PORT\"\nlisten = …",
              loopback_alone},
             {"[broker]\nlisten = 0", "2:10: broker.listen: 0 is out of range\nlisten = 0", "from 1 to 65535"},
             {"[broker]\nlisten = \"http://user:FAKE-password@proxy\"",
              "2:10: broker.listen: must be \"127.0.0.1:PORT\"\nlisten = …", loopback_alone},
             {"[broker]\nproxy = [\"http://user:FAKE-password@proxy\"]",
              "2:9: broker.proxy: expected a string, got a list\nproxy = …"},
             {"[broker]\nuser = \"a:b\"", "2:8: broker.user: a name of the system's has no ':'\nuser = \"a:b\""},
             {"[broker]\nidle_hours = 0", "2:14: broker.idle_hours: 0 is out of range\nidle_hours = 0", "from 1 to"},
             {"[broker]\nconnections = 0", "2:15: broker.connections: 0 is out of range\nconnections = 0", "from 1 to"},
             {"[broker]\nstreams = \"64\"", "2:11: broker.streams: expected an integer, got a string\nstreams = …"},
             {"[broker]\nca_file = \"ca.pem\"", "2:11: broker.ca_file: must be an absolute path\nca_file = \"ca.pem\""},
             {"[broker]\nproxy = \"socks5://user:FAKE-password@proxy\"",
              "2:9: broker.proxy: must be \"http://[USER:PASSWORD@]HOST:PORT\"\nproxy = …"},
             {"[broker]\nproxy = \"http://me:FAKE/password@proxy:3128\"",
              "2:9: broker.proxy: has an '@' behind a '/'\nproxy = …", "Write %2F for a '/'"},
             {"[broker]\nproxy = \"http://me:12/FAKE-password@proxy:3128\"",
              "2:9: broker.proxy: has an '@' behind a '/'\nproxy = …", "Write %2F for a '/'"},
             {"[broker]\nproxy = \"http://me:FAKE-password@proxy:65536\"",
              "2:9: broker.proxy: has no valid port\nproxy = …", "from 1 to 65535"},
             {"[broker]\nproxy = \"https://me:FAKE-password@proxy\"",
              "2:9: broker.proxy: must be \"http://[USER:PASSWORD@]HOST:PORT\"\nproxy = …"},
             {"[broker]\nproxy = \"http://a b\"",
              "2:9: broker.proxy: must be \"http://[USER:PASSWORD@]HOST:PORT\"\nproxy = …"},
             {"[session]\nkeys = \"broker\"\n[broker]\nremote = \"s\"",
              "4:10: broker.remote: must be an absolute path\nremote = \"s\""},
             {"[broker]\nremote = \"/s\"", "2:10: broker.remote: needs [session] keys = \"broker\"\nremote = \"/s\"",
              "which hands out no keys"},
             {"[session]\nkeys = \"broker\"\n[broker]\nremote = \"/s\"\nlisten = 1",
              "4:10: broker.remote: cannot stand beside other settings of the broker than idle_hours\nremote = \"/s\"",
              "where the keys are"},
             {"[access]\nown_user = \"root\"", "2:12: access.own_user: unknown value \"root\"\nown_user = \"root\""},
             {"[broker]\nlissten = 1", "2:1: broker.lissten: unknown setting\nlissten = 1", "Did you mean \"listen\"?"},
         })
        expect_refused(refusal);
}

TEST(LoadConfigRefusal, AgentsAndModels) {
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[agents.claude]\nprovider = \"zai\"",
              "1:9: agents.claude: each agent has a table of its own\n[agents.claude]",
              "Write [claude] in place of [agents.claude]."},
             {"[agents.claud]", "1:9: agents.claud: each agent has a table of its own\n[agents.claud]",
              "The agents' tables are [claude], [codex], [opencode]."},
             {"[agents]", "1:2: agents: each agent has a table of its own\n[agents]",
              "The agents' tables are [claude], [codex], [opencode]."},
             {"[claud]", "1:2: claud: unknown section\n[claud]", "Did you mean \"claude\"?"},
             {"[claude]\nprovider = \"zaii\"",
              "2:12: claude.provider: there is no provider \"zaii\"\nprovider = \"zaii\"", "Did you mean \"zai\"?"},
             {"[codex]\nprovider = \"zai\"\n[providers.zai.codex]\nblocked = \"not this month\"",
              "2:12: codex.provider: Codex on Z.AI is blocked: not this month\nprovider = \"zai\"",
              "[providers.zai.codex]"},
             {"[opencode]\nprovider = \"openai\"",
              "2:12: opencode.provider: OpenCode on OpenAI is not supported\nprovider = \"openai\""},
             {"[codex]\nnative = \"home\"", "2:1: codex.native: unknown setting\nnative = …"},
             {"[claude]\nnative = \"oauth\"", "2:10: claude.native: unknown value \"oauth\"\nnative = \"oauth\""},
             {"[claude]\nargs = [\"a\\u0000\"]", "2:9: claude.args: the argument has a NUL character\nargs = …"},
             {"[claude]\nmodel = \"a b\"", "2:9: claude.model: \"a b\" cannot be a model's name\nmodel = \"a b\""},
             {"[claude]\napi_key = \"FAKE\"", "2:1: claude.api_key: unknown setting\napi_key = …"},
             {"[claude.providers.nobody]\nmodel = \"x\"",
              "1:19: claude.providers.nobody: there is no provider \"nobody\"\n[claude.providers.nobody]"},
             {"[codex.providers.kimi]\nmodel = \"x\"\n[providers.kimi.codex]\nblocked = \"not this month\"",
              "1:18: codex.providers.kimi: Codex on Kimi is blocked: not this month\n[codex.providers.kimi]"},
             {"[codex.providers.minimax]\nopus_model = \"x\"",
              "2:1: codex.providers.minimax.opus_model: unknown setting\nopus_model = …"},
             {"[claude.providers.zai]\nmodel = \"sonnet\"",
              "2:9: claude.providers.zai.model: \"sonnet\" is Claude Code's name of a tier, not a model of Z.AI\n"
              "model = \"sonnet\"",
              "--model sonnet"},
             {"[claude.providers.anthropic]\nopus_model = \"x\"",
              "2:14: claude.providers.anthropic.opus_model: Claude maps the tiers of its own account itself\n"
              "opus_model = \"x\""},
             {"[opencode.providers.zai]\nmodel = \"kimi/kimi-for-coding\"",
              "2:9: opencode.providers.zai.model: \"kimi/kimi-for-coding\" is a model of Kimi, not of Z.AI\n"
              "model = \"kimi/kimi-for-coding\""},
             {"[opencode]\nmodel = \"zai/glm-5.3\"",
              "2:9: opencode.model: \"zai/glm-5.3\" is a model of Z.AI, not of Anthropic\nmodel = \"zai/glm-5.3\"",
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
        return "[session]\nproject_settings = \"ignore\"\n[" + agent + "]\nargs = [" + args + "]\n";
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
             {"claude", "\"--settings\", \"/x.json\""},
             {"claude", "\"--settings={}\""},
             {"claude", "\"--setting-sources\", \"user,project\""}})
        EXPECT_FALSE(test::parse(text(agent, args))) << agent << " " << args;
    for (const auto& [agent, args] :
         std::vector<std::pair<std::string, std::string>>{{"codex", "\"-c\", \"model_reasoning_effort=high\""},
                                                          {"codex", "\"--full-auto\""},
                                                          {"codex", "\"--config=tools.web_search=true\""},
                                                          {"opencode", "\"--print-logs\""},
                                                          {"claude", "\"--model\", \"sonnet\""},
                                                          {"claude", "\"-p\""}})
        EXPECT_TRUE(test::parse(text(agent, args))) << agent << " " << args;
    EXPECT_TRUE(test::parse("[claude]\nargs = [\"--setting-sources\", \"user\"]"));
    expect_refused({"[codex]\nargs = [\"--full-auto\", \"--profile\", \"x\"]",
                    "2:24: codex.args: \"--profile\": would change the provider\nargs = …", "Remove the argument"});
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

}  // namespace
}  // namespace capsule
