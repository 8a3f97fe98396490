// capsule.toml and role manifests: what each setting means.
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::loaded;

TEST(LoadConfig, NothingIsTheDefaults) {
    const Config config = loaded("");
    EXPECT_EQ(config.path, std::nullopt);
    EXPECT_EQ(config.daemon.socket, std::nullopt);
    EXPECT_THAT(config.access.status, testing::ElementsAre("*"));
    EXPECT_THAT(config.access.spawn, testing::ElementsAre("root"));
    EXPECT_THAT(config.access.admin, testing::ElementsAre("root"));
    EXPECT_EQ(config.limits.connections, 1024U);
    EXPECT_EQ(config.limits.connections_per_user, 256U);
    EXPECT_EQ(config.limits.requests_per_user, 4U);
    EXPECT_EQ(config.limits.memory_per_user, 16U * 1024 * 1024);
    EXPECT_EQ(config.limits.sessions_per_user, 1000U);
    EXPECT_EQ(config.limits.idle_timeout, std::chrono::minutes(1));
    EXPECT_EQ(config.limits.request_bytes, 256U * 1024);
    EXPECT_EQ(config.limits.output_bytes, 1024U * 1024);
    EXPECT_EQ(config.limits.request_timeout, std::chrono::seconds(10));
    EXPECT_EQ(config.limits.write_timeout, std::chrono::seconds(10));
    EXPECT_EQ(config.session.project_settings, ProjectSettings::allow);
    EXPECT_EQ(opencode_settings(config).keys, OpencodeKeys::env);
    EXPECT_EQ(opencode_settings(config).permission, "allow");
    EXPECT_EQ(config.agents.size(), 3U);
    EXPECT_EQ(claude_settings(config).native, ClaudeNative::automatic);
    EXPECT_EQ(config.catalog.providers.size(), 5U);
}

TEST(LoadConfig, OneUserHasAPartOfTheConnectionsUnlessItIsGivenMore) {
    EXPECT_EQ(loaded("[limits]\nconnections = 100\n").limits.connections_per_user, 25U);
    EXPECT_EQ(loaded("[limits]\nconnections = 3\n").limits.connections_per_user, 1U);
    EXPECT_EQ(loaded("[limits]\nconnections = 5000\n").limits.connections_per_user, 256U);
    EXPECT_EQ(loaded("[limits]\nconnections = 100\nconnections_per_user = 90\n").limits.connections_per_user, 90U);
}

TEST(LoadConfig, EverySettingOfSessionsWithoutKeys) {
    const Config config = loaded(R"([session]
keys = "broker"
unknown_scopes = "allow"
privileges = "keep"
[keys]
op = "/usr/bin/op"
[broker]
listen = "127.0.0.1:4587"
user = "relay"
idle_hours = 2
connections = 10
streams = 3
ca_file = "/etc/ca.pem"
proxy = "http://user:FAKE-password@proxy:3128"
upstream_users = ["litellm", "1000"]
)");
    EXPECT_EQ(config.session.keys, SessionKeys::broker);
    EXPECT_EQ(config.session.unknown_scopes, UnknownScopes::allow);
    EXPECT_EQ(config.session.privileges, Privileges::keep);
    EXPECT_EQ(config.keys.op, "/usr/bin/op");
    EXPECT_EQ(config.broker.port, 4587);
    EXPECT_EQ(config.broker.user, "relay");
    EXPECT_EQ(config.broker.idle, std::chrono::hours(2));
    EXPECT_EQ(config.broker.connections, 10U);
    EXPECT_EQ(config.broker.streams, 3U);
    EXPECT_EQ(config.broker.upstream_users, (std::vector<std::string>{"litellm", "1000"}));
    EXPECT_EQ(config.broker.ca_file, "/etc/ca.pem");
    EXPECT_EQ(config.broker.proxy->reveal(), "http://user:FAKE-password@proxy:3128");
    EXPECT_EQ(loaded("[broker]\nlisten = 4588\n").broker.port, 4588);
    EXPECT_EQ(config.broker.remote, std::nullopt);
    EXPECT_EQ(config.access.own_user, Tier::admin);
}

TEST(LoadConfig, KeysOfAnotherCapsuled) {
    const Config config = loaded("[session]\nkeys = \"broker\"\n[broker]\nremote = \"/run/keys/s\"\nidle_hours = 2\n");
    EXPECT_EQ(config.broker.remote, "/run/keys/s");
    EXPECT_EQ(config.broker.idle, std::chrono::hours(2));
    EXPECT_EQ(loaded("[access]\nown_user = \"spawn\"\n").access.own_user, Tier::spawn);
    EXPECT_EQ(loaded("[access]\nown_user = \"status\"\n").access.own_user, Tier::status);
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
connections_per_user = 5
requests_per_user = 3
memory_per_user = 65536
request_bytes = 4096
output_bytes = 8192
request_timeout_ms = 100
write_timeout_ms = 200
idle_timeout_ms = 300
sessions_per_user = 7
[session]
user = "agent"
passthrough = ["MY_TEAM_*", "FOO", "*"]
project_settings = "ignore"
codex_home = "/c"
xdg_config_home = "/x"
claude_config_dir = "/d"
[claude]
args = ["--dangerously-skip-permissions"]
provider = "zai"
native = "api_key"
model = "opus"
[codex]
args = ["-c", "model_reasoning_effort=high"]
[claude.providers.minimax]
model = "MiniMax-M2.7"
haiku_model = "MiniMax-M2"
[opencode]
api_key = "inline"
permission = "none"
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
    EXPECT_EQ(config.limits.connections_per_user, 5U);
    EXPECT_EQ(config.limits.requests_per_user, 3U);
    EXPECT_EQ(config.limits.memory_per_user, 65536U);
    EXPECT_EQ(config.limits.sessions_per_user, 7U);
    EXPECT_EQ(config.limits.idle_timeout, std::chrono::milliseconds(300));
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
    EXPECT_EQ(claude.args.origin, "capsule.toml:29");
    EXPECT_EQ(claude.provider->value, "zai");
    EXPECT_EQ(claude.provider->origin, "capsule.toml:30");
    EXPECT_EQ(claude_settings(config).native, ClaudeNative::api_key);
    EXPECT_EQ(claude.models.model->value, "opus");
    EXPECT_EQ(claude.models.providers.at("minimax").model->value, "MiniMax-M2.7");
    EXPECT_EQ(claude.models.providers.at("minimax").tiers.at("haiku").origin, "capsule.toml:37");
    EXPECT_EQ(opencode_settings(config).keys, OpencodeKeys::in_file);
    EXPECT_EQ(opencode_settings(config).permission, "");
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

}  // namespace
}  // namespace capsule
