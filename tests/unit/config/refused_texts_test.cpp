// A secret in the place of any setting of docs/configuration.md, in every way to write it: no error has it.
#include <map>
#include <vector>

#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

/// As people put them into the wrong place. No text of any error may have "FAKE".
const std::vector<std::string> secrets{
    "GH_TOKEN=FAKE-ghp-token-0001",
    "FAKE-ops_eyJhbGciOi-0002",
    "http://u:FAKE-proxy-pw-0003@proxy:3128",
    "--settings={env:{GH_TOKEN:FAKE-set-0010}}",
    "model_providers.x.experimental_bearer_token=FAKE-bearer-0004",
    "-copenai_base_url=https://u:FAKE-0015@h",
    "u:FAKE-pw@h",
    "http://h/?key=FAKE-0006",
    "https://h/#FAKE-0006",
    "https://FAKE-0006@h",
    "ghp_FAKE0123456789abcdefABCDEF",
    "/FAKE0123456789abcdef/+==",
    "zai/FAKE0123456789abcdef",
    "opus[FAKE-0001]",
    "FAKE-0007",
    "FAKE 0007",
};

/// `T` is the secret. The last ones are no TOML.
const std::vector<std::string> spellings{
    "KEY = \"T\"",
    "KEY = 'T'",
    "KEY = \"T\\u0000\"",
    "KEY = \"\"\"\nT\"\"\"",
    "KEY = [\"T\"]",
    "KEY = [\"x\", \"T\"]",
    "KEY = [\"--profile\", \"T\"]",
    "KEY = [\"-c\", \"T\", \"-m\", \"--settings\"]",
    "KEY = [\"T\", 5]",
    "KEY = [\n\"x y\",\n\"T\",\n5,\n]",
    "KEY = [[\"T\"], 5]",
    "KEY = [\n[\"T\"],\n]",
    "KEY = { a = \"T\" }",
    "KEY = { \"T\" = 1 }",
    "KEY = [{ a = \"T\" }]",
    "KEY = 5 # T",
    "KEY.a = \"T\"",
    "KEY.\"T\".env.A = 5",
    "KEYs = \"T\"",
    "KEYs = [\"T\"]",
    "KEYs = { a = \"T\" }",
    "xKEY = \"T\"",
    "\"T\" = 5",
    "\"T\" = { a = 5 }",
    "'T' = \"T\"",
    "KEY = T",
    "KEY = \"T",
    "KEY = 'T",
    "KEY = \"x\" T",
    "KEY = [\"T\"",
    "KEY = [\"T\" \"x\"]",
    "KEY = [T]",
    "KEY = \"x\" = T",
    "KEY T",
    "T = 5",
};

const std::map<std::string, std::vector<std::string>> settings{
    {"", {"daemon", "access", "env", "workspaces", "claude", "providers", "agents", "nothing"}},
    {"daemon", {"socket", "socket_group", "log_level", "log_format"}},
    {"access", {"status", "spawn", "admin", "own_user"}},
    {"limits",
     {"connections", "connections_per_user", "requests_per_user", "sessions_per_user", "memory_per_user",
      "request_bytes", "output_bytes", "request_timeout_ms", "write_timeout_ms", "idle_timeout_ms"}},
    {"session",
     {"user", "passthrough", "project_settings", "privileges", "keys", "unknown_scopes", "codex_home",
      "xdg_config_home", "claude_config_dir"}},
    {"broker",
     {"listen", "user", "idle_hours", "connections", "streams", "ca_file", "proxy", "upstream_users", "remote"}},
    {"keys", {"op"}},
    {"env", {"ZAI_API_KEY", "MY_TEAM", "HOME", "ANTHROPIC_BASE_URL"}},
    {"workspaces", {"acme"}},
    {"workspaces.acme", {"env", "roles"}},
    {"workspaces.acme.env", {"ZAI_API_KEY", "MY_TEAM", "LD_PRELOAD"}},
    {"workspaces.acme.roles", {"dev"}},
    {"workspaces.acme.roles.dev.env", {"ZAI_API_KEY", "OP_SESSION"}},
    {"agents", {"claude"}},
    {"claude", {"args", "provider", "native", "model", "providers"}},
    {"codex", {"args", "provider", "model", "providers"}},
    {"opencode", {"args", "provider", "model", "api_key", "permission", "providers"}},
    {"claude.providers", {"zai"}},
    {"claude.providers.zai", {"model", "opus_model", "sonnet_model", "haiku_model"}},
    {"codex.providers.minimax", {"model"}},
    {"opencode.providers.zai", {"model"}},
    {"providers", {"zai"}},
    {"providers.zai",
     {"label", "other_names", "key_env", "key_prefix", "other_key_names", "subscribe_url", "key_url", "notes",
      "timeout_ms", "refusals", "reset_zone", "usage", "models", "claude", "codex"}},
    {"providers.zai.usage", {"url", "shape", "documented"}},
    {"providers.zai.claude",
     {"base_url", "auth", "opus_model", "sonnet_model", "haiku_model", "env", "native", "blocked"}},
    {"providers.zai.claude.env", {"MODE", "ANTHROPIC_BASE_URL", "ZAI_API_KEY"}},
    {"providers.minimax.codex", {"base_url", "wire_api", "model", "context_window", "profile", "blocked"}},
    {"providers.zai.opencode", {"npm", "base_url", "model", "blocked"}},
    {"providers.zai.models", {"glm-6"}},
    {"providers.zai.models.\"glm-6\"",
     {"context_window", "max_output", "input", "reasoning", "reasoning_levels", "default_reasoning_level", "codex",
      "opencode", "claude"}},
    {"providers.zai.models.\"glm-6\".claude", {"env"}},
    {"providers.zai.models.\"glm-6\".claude.env", {"MODE"}},
    {"providers.zai.models.\"glm-6\".codex",
     {"effective_context_window_percent", "truncation_mode", "truncation_limit", "freeform_apply_patch"}},
    {"providers.zai.models.\"glm-6\".opencode", {"limit"}},
    {"providers.zai.models.\"glm-6\".opencode.limit", {"context", "output"}},
    {"providers.aa.claude", {"base_url", "opus_model"}},
};

std::string with(std::string text, std::string_view name, std::string_view value) {
    for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + value.size()))
        text.replace(at, name.size(), value);
    return text;
}

/// How many errors there were. None may have the secret.
std::size_t check(std::string_view text, const RoleTexts& roles = {}) {
    Problems problems;
    parse_config(text, "/etc/capsule/capsule.toml", roles, problems);
    for (const Error& error : problems.all())
        EXPECT_EQ((error.message + error.hint).find("FAKE"), std::string::npos)
            << text << (roles.empty() ? "" : roles.begin()->second) << "\n=> " << error.message << "\n"
            << error.hint;
    return problems.all().size();
}

TEST(RefusedTexts, NoErrorShowsASecretInThePlaceOfAnySetting) {
    // Every secret in the plain spellings; in each of the others another two.
    constexpr std::size_t plain = 6, of_others = 2;
    std::size_t next = 0;
    for (const auto& [section, keys] : settings)
        for (const std::string& key : keys) {
            std::size_t errors = 0;
            for (std::size_t i = 0; i < spellings.size(); ++i)
                for (std::size_t count = i < plain ? secrets.size() : of_others; count > 0; --count) {
                    const std::string& secret = secrets[next++ % secrets.size()];
                    const std::string line = with(with(spellings[i], "KEY", key), "T", secret) + "\n";
                    errors += check((section.empty() ? "" : "[" + section + "]\n") + line);
                    if (count == 1 && !section.empty()) errors += check(section + "." + line);
                }
            EXPECT_GT(errors, spellings.size()) << section << " " << key;
        }
}

TEST(RefusedTexts, NorInARolesFile) {
    std::size_t errors = 0;
    for (const char* section : {"claude", "claude.providers.zai", "codex.providers.minimax", "opencode", "session"})
        for (const char* key : {"model", "opus_model", "providers", "args"})
            for (const std::string& spelling : spellings)
                for (const std::string& secret : secrets)
                    errors += check("", {{"dev", "[" + std::string(section) + "]\n" +
                                                     with(with(spelling, "KEY", key), "T", secret) + "\n"}});
    EXPECT_GT(errors, 0U);
}

TEST(RefusedTexts, NorInTheNameOfASection) {
    std::size_t errors = 0;
    for (const std::string& secret : secrets)
        for (const char* header : {"[\"T\"]",
                                   "['T']",
                                   "[[\"T\"]]",
                                   "[claude.\"T\"]",
                                   "[providers.\"T\"]",
                                   "[providers.zai.\"T\"]",
                                   "[providers.zai.models.\"T\".codex]\nshell = 1",
                                   "[workspaces.\"T\"]",
                                   "[workspaces.\"T\".env]",
                                   "[workspaces.acme.\"T\"]",
                                   "[workspaces.acme.roles.\"T\".env]",
                                   "[claude.providers.\"T\"]",
                                   "[agents.\"T\"]",
                                   "[env.\"T\"]",
                                   "[T]",
                                   "[\"T\"",
                                   "[claude] # T",
                                   "[claude]\nx = 1 # T",
                                   "workspaces.\"a/b\".env.ZAI_API_KEY = \"T\"",
                                   "providers.\"A\".claude.env.MODE = \"T\"",
                                   "providers.aa.claude.env.MODE = \"T\"",
                                   "providers.aa.label = \"T\""})
            errors += check(with(header, "T", secret) + "\n");
    EXPECT_GT(errors, 200U);
}

TEST(RefusedTexts, EachOfTheseWasShown) {
    const auto message = [](const std::string& text) {
        const auto config = test::parse(text);
        return config ? "accepted" : config.error().message.substr(sizeof "/etc/capsule/capsule.toml:" - 1);
    };
    EXPECT_EQ(message("[session]\npassthrough = [\"GH_TOKEN=FAKE-ghp-token-0001\"]"),
              "2:16: session.passthrough: \"GH_TOKEN=…\" is no variable name, nor the beginning of one and '*'\n"
              "passthrough = [\"GH_TOKEN=…\"]");
    EXPECT_EQ(message("[providers.zai]\nother_key_names = [\"ZAI=FAKE-zai-0005\"]"),
              "2:20: providers.zai.other_key_names: \"ZAI=…\" is no variable name\nother_key_names = [\"ZAI=…\"]");
    EXPECT_THAT(message("[claude]\nargs = ['--settings={\"env\":{\"GH_TOKEN\":\"FAKE-set-0010\"}}']"),
                testing::AllOf(testing::StartsWith("2:9: claude.args: \"--settings=…\": Claude Code takes only"),
                               testing::EndsWith("\nargs = …")));
    EXPECT_EQ(message("[codex]\nargs = [\"-c\", \"model_providers.x.experimental_bearer_token=FAKE-bearer-0004\"]"),
              "2:9: codex.args: \"-c\": would change model_providers, which the route sets\nargs = …");
    EXPECT_EQ(message("[keys]\nop = \"FAKE-ops_eyJhbGciOi-0002\""),
              "2:6: keys.op: must be an absolute path\nop = \"…\"");
    EXPECT_EQ(message("[broker]\nremote = \"http://u:FAKE-proxy-pw-0003@proxy:3128\""),
              "2:10: broker.remote: must be an absolute path\nremote = \"http://…\"");
    EXPECT_EQ(message("[broker]\nuser = \"u:FAKE-pw@h\""),
              "2:8: broker.user: a name of the system's has no ':'\nuser = \"…\"");
    EXPECT_EQ(message("[providers.zai]\nkey_url = \"http://h/?key=FAKE-0006\""),
              "2:11: providers.zai.key_url: must be the https:// address of a page\nkey_url = \"http://…\"");
    EXPECT_EQ(message("workspaces.\"a/b\".env.ZAI_API_KEY = \"FAKE\""),
              "1:12: workspaces.\"a/b\": cannot be a workspace's name\na/b = …");
}

}  // namespace
}  // namespace capsule
