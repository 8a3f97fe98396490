// [providers.<id>] in capsule.toml: overriding, adding, turning on, and every refusal.
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::expect_refused;
using test::loaded;
using test::Refusal;

const Provider& provider(const Config& config, std::string_view id) {
    const Provider* found = config.catalog.find(id);
    if (!found) throw std::runtime_error("no provider " + std::string(id));
    return *found;
}

TEST(CatalogOverride, OneFieldLeavesTheOthers) {
    const Config config = loaded("\n[providers.kimi.claude]\nauth = \"api_key\"\n");
    const Provider& kimi = provider(config, "kimi");
    EXPECT_EQ(claude_cell(kimi.cell(Agent::claude)).auth, ClaudeAuth::api_key);
    EXPECT_EQ(kimi.cell(Agent::claude).base_url, "https://api.kimi.com/coding");
    EXPECT_EQ(kimi.cell(Agent::claude).model.origin, "catalog");
    EXPECT_EQ(kimi.origin, "capsule.toml:2");
    EXPECT_EQ(provider(config, "zai").origin, "catalog");
    EXPECT_EQ(claude_cell(builtin_catalog().find("kimi")->cell(Agent::claude)).auth, ClaudeAuth::auth_token)
        << "the built-in one changed";
}

TEST(CatalogOverride, SaysWhereAModelWasSet) {
    const Config config = loaded("[providers.zai.claude]\nopus_model = \"glm-6\"\n");
    EXPECT_EQ(provider(config, "zai").cell(Agent::claude).model.value, "glm-6");
    EXPECT_EQ(provider(config, "zai").cell(Agent::claude).model.origin, "capsule.toml:2");
    EXPECT_EQ(provider(config, "zai").cell(Agent::claude).tiers.at("sonnet").value, "glm-5-turbo");
}

TEST(CatalogOverride, TurnsABlockedCellOn) {
    const Config config = loaded(R"([providers.zai.codex]
base_url = "https://api.z.ai/api/v1"
wire_api = "responses"
model = "glm-5.3"
context_window = 1048576
)");
    const Cell& cell = provider(config, "zai").cell(Agent::codex);
    EXPECT_EQ(cell.kind, CellKind::routed);
    EXPECT_EQ(cell.blocked_reason, "");
    EXPECT_EQ(cell.base_url, "https://api.z.ai/api/v1");
    EXPECT_EQ(cell.model.value, "glm-5.3");
    EXPECT_EQ(codex_cell(cell).context_window, 1048576);
    EXPECT_EQ(codex_cell(cell).profile, "zai");
}

TEST(CatalogOverride, BlocksACell) {
    const Config config = loaded("[providers.minimax.codex]\nblocked = \"not here\"\n");
    EXPECT_EQ(provider(config, "minimax").kind(Agent::codex), CellKind::blocked);
    EXPECT_EQ(provider(config, "minimax").cell(Agent::codex).blocked_reason, "not here");
}

TEST(CatalogOverride, AddsProvidersInTheOrderOfTheFile) {
    const Config config = loaded(R"([providers.zz]
label = "Zed"
key_env = "ZZ_KEY"
key_prefix = "zz-"
timeout_ms = 1000
models = ["one", "org/two"]
[providers.zz.claude]
base_url = "http://127.0.0.1:8080"
opus_model = "zed"
env = { CLAUDE_CODE_MAX_CONTEXT_TOKENS = "200000" }
[providers.zz.opencode]
npm = "@ai-sdk/openai-compatible"
base_url = "https://zed.example/v1"
model = "zz/zed"
[providers.aa]
key_env = "AA_KEY"
)");
    EXPECT_THAT(config.catalog.ids(),
                testing::ElementsAre("anthropic", "openai", "zai", "minimax", "kimi", "zz", "aa"));
    const Provider& zz = provider(config, "zz");
    EXPECT_EQ(zz.label, "Zed");
    EXPECT_EQ(zz.timeout_ms, 1000);
    EXPECT_THAT(zz.models, testing::ElementsAre("one", "org/two"));
    EXPECT_EQ(zz.cell(Agent::claude).tiers.at("sonnet").value, "zed") << "defaults to the opus model";
    EXPECT_EQ(zz.cell(Agent::claude).tiers.at("haiku").value, "zed");
    EXPECT_EQ(zz.cell(Agent::claude).env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS").value, "200000");
    EXPECT_EQ(zz.cell(Agent::claude).env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS").origin, "capsule.toml:10");
    EXPECT_EQ(zz.kind(Agent::codex), CellKind::unsupported);
    EXPECT_EQ(zz.cell(Agent::opencode).model.value, "zed") << "the id alone";
    EXPECT_EQ(provider(config, "aa").label, "aa");
    EXPECT_EQ(provider(config, "aa").timeout_ms, 3000000);
}

TEST(CatalogOverride, KeyVariablesMayBeSwapped) {
    const Config config = loaded("[providers.aa]\nkey_env = \"ZAI_API_KEY\"\n[providers.zai]\nkey_env = \"Z2\"\n");
    EXPECT_EQ(config.catalog.by_key_variable("ZAI_API_KEY")->id, "aa");
    EXPECT_EQ(config.catalog.by_key_variable("Z2")->id, "zai");
}

TEST(CatalogRefusal, Facts) {
    const std::string reserved = " is reserved: it is set by the route alone, or never\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[providers.Zai]\nkey_env = \"K\"", "1:12: providers.Zai: cannot be a provider's id\n[providers.Zai]",
              "lower-case letter"},
             {"[providers.aa]\nlabel = \"A\"", "1:12: providers.aa: key_env is missing\n[providers.aa]",
              "the variable that holds this provider's key"},
             {"[providers.aa]\nkey_env = \"sk-cp-FAKE-0001\"",
              "2:11: providers.aa.key_env: this is no variable name\nkey_env = …", "letters, digits and '_'"},
             {"[providers.aa]\nkey_env = \"ZAI_API_KEY\"",
              "2:11: providers.aa.key_env: ZAI_API_KEY is the key variable of zai\nkey_env = \"ZAI_API_KEY\"",
              "a variable of its own"},
             {"[providers.aa]\nkey_env = \"ANTHROPIC_AUTH_TOKEN\"",
              "2:11: providers.aa.key_env: ANTHROPIC_AUTH_TOKEN" + reserved + "key_env = \"ANTHROPIC_AUTH_TOKEN\"",
              "Choose another name"},
             {"[providers.zai]\nkey_env = \"LD_PRELOAD\"",
              "2:11: providers.zai.key_env: LD_PRELOAD" + reserved + "key_env = \"LD_PRELOAD\""},
             {"[providers.zai]\nkey_env = \"PATH\"",
              "2:11: providers.zai.key_env: PATH passes into every session, a key must not\nkey_env = \"PATH\""},
             {"[providers.zai]\nkey_env = \"HOME\"",
              "2:11: providers.zai.key_env: HOME is always the session user's own\nkey_env = \"HOME\""},
             {"[providers.anthropic]\nkey_env = \"MY_KEY\"",
              "2:11: providers.anthropic.key_env: the agent itself reads ANTHROPIC_API_KEY, no other variable will "
              "do\nkey_env = \"MY_KEY\""},
             {"[providers.zai]\nkey_env = 5",
              "2:11: providers.zai.key_env: expected a string, got an integer\n"
              "key_env = 5"},
             {"[providers.zai]\nlabel = \"\"",
              "2:9: providers.zai.label: must be one line of text without braces\nlabel = \"\""},
             {"[providers.zai]\nkey_url = \"z.ai\"",
              "2:11: providers.zai.key_url: must be the https:// address of a page\nkey_url = \"z.ai\""},
             {"[providers.zai]\ntimeout_ms = 0", "2:14: providers.zai.timeout_ms: 0 is out of range\ntimeout_ms = 0",
              "from 1 to 2147483647"},
             {"[providers.zai]\nmodels = [\"ok\", \"not ok\"]",
              "2:17: providers.zai.models: cannot be a model's name\nmodels = [\"ok\", \"not ok\"]", "white space"},
             {"[providers.zai]\nlable = \"Z\"", "2:1: providers.zai.lable: unknown setting\nlable = \"Z\"",
              "Did you mean \"label\"?"},
             {"[providers.zai.cloud]\nx = 1", "1:16: providers.zai.cloud: unknown section\n[providers.zai.cloud]"},
             {"[providers]\nzai = \"sk-cp-FAKE-0001\"", "2:1: providers.zai: expected a table, got a string\nzai = …"},
         })
        expect_refused(refusal);
}

TEST(CatalogRefusal, ClaudeCell) {
    const std::string head = "[providers.aa]\nkey_env = \"K\"\n[providers.aa.claude]\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head, "3:15: providers.aa.claude: base_url is missing\n[providers.aa.claude]"},
             {head + "base_url = \"https://x\"",
              "3:15: providers.aa.claude: opus_model is missing\n[providers.aa.claude]"},
             {head + "base_url = \"http://x\"",
              "4:12: providers.aa.claude.base_url: the URL must begin with https:// (http:// is for this machine "
              "alone: "
              "127.0.0.1, [::1], localhost)\nbase_url = …"},
             {head + "base_url = \"https://user:FAKE-password@x\"",
              "4:12: providers.aa.claude.base_url: the URL must not have a user name or password\nbase_url = …"},
             {head + "base_url = \"https://x\"\nopus_model = \"a b\"",
              "5:14: providers.aa.claude.opus_model: \"a b\" cannot be a model's name\nopus_model = \"a b\""},
             {"[providers.zai.claude]\nauth = \"apikey\"",
              "2:8: providers.zai.claude.auth: unknown value \"apikey\"\nauth = \"apikey\"",
              "Did you mean \"api_key\"?"},
             {"[providers.zai.claude]\nauth = \"sk-FAKE-0123456789abcdef\"",
              "2:8: providers.zai.claude.auth: this value is not known\nauth = …", "\"auth_token\", \"api_key\""},
             {"[providers.zai.claude]\nnative = true",
              "2:10: providers.zai.claude.native: only Claude Code on anthropic and Codex on openai are an agent's own "
              "account\nnative = true"},
             {"[providers.anthropic.claude]\nnative = false",
              "2:10: providers.anthropic.claude.native: can only be true\nnative = false", "Leave it out"},
             {"[providers.zai.claude]\nnative = true\nauth = \"api_key\"",
              "2:10: providers.zai.claude.native: stands in place of the other settings of this table\nnative = true"},
             {"[providers.zai.claude]\nauth = \"api_key\"\nblocked = \"x\"",
              "3:11: providers.zai.claude.blocked: stands in place of the other settings of this table\n"
              "blocked = \"x\""},
             {"[providers.zai.claude]\nblocked = \"\"",
              "2:11: providers.zai.claude.blocked: must be a reason on one line\nblocked = \"\""},
             {"[providers.anthropic.claude]\nbase_url = \"https://x\"",
              "1:22: providers.anthropic.claude: this is the agent's own account, which cannot be rewired\n"
              "[providers.anthropic.claude]",
              "Add a provider of your own"},
             {"[providers.anthropic.claude]\nblocked = \"x\"",
              "1:22: providers.anthropic.claude: this is the agent's own account, which cannot be rewired\n"
              "[providers.anthropic.claude]"},
         })
        expect_refused(refusal);
}

TEST(CatalogRefusal, ClaudeEnvSetsNothingThatAnotherRuleSets) {
    const std::string head = "[providers.zai.claude.env]\n";
    const auto refused = [&](const std::string& name, const std::string& why) {
        expect_refused({head + name + " = \"FAKE-secret-0001\"",
                        "2:1: providers.zai.claude.env." + name + ": " + why + "\n" + name + " = …"});
    };
    for (const char* name : {"ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "API_TIMEOUT_MS", "CAPSULE_X", "LD_PRELOAD",
                             "NODE_OPTIONS", "ANTHROPIC_DEFAULT_OPUS_MODEL"})
        refused(name, std::string(name) + " is reserved: it is set by the route alone, or never");
    refused("ZAI_API_KEY", "ZAI_API_KEY is the key variable of zai");
    refused("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY is the key variable of anthropic");
    refused("HOME", "HOME is always the session user's own");
    refused("CODEX_HOME", "CODEX_HOME says where an agent's files are: [session] has a setting for it");
    expect_refused(
        {head + "\"a b\" = \"x\"", "2:1: providers.zai.claude.env.\"a b\": this is no variable name\na b = …"});
    expect_refused({head + "X = 5", "2:5: providers.zai.claude.env.X: expected a string, got an integer\nX = …"});
    expect_refused(
        {head + "X = \"a\\u0000b\"", "2:1: providers.zai.claude.env.X: the value has a NUL character\nX = …"});
}

TEST(CatalogRefusal, CodexCell) {
    const std::string head = "[providers.zai.codex]\n";
    const std::string good = "base_url = \"https://x/v1\"\nmodel = \"m\"\ncontext_window = 1000\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head + "wire_api = \"responses\"",
              "1:16: providers.zai.codex: base_url is missing\n[providers.zai.codex]"},
             {head + "base_url = \"https://x\"", "1:16: providers.zai.codex: model is missing\n[providers.zai.codex]"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"",
              "1:16: providers.zai.codex: context_window is missing\n[providers.zai.codex]", "in tokens"},
             {head + good + "wire_api = \"chat\"",
              "5:12: providers.zai.codex.wire_api: must be \"responses\"\nwire_api = \"chat\"",
              "Codex does not start on \"chat\""},
             {head + good + "wire_api = \"grpc\"",
              "5:12: providers.zai.codex.wire_api: must be \"responses\"\nwire_api = \"grpc\"", "no other protocol"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"\ncontext_window = 0",
              "4:18: providers.zai.codex.context_window: 0 is out of range\ncontext_window = 0", "from 1 to"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"\ncontext_window = -5",
              "4:18: providers.zai.codex.context_window: -5 is out of range\ncontext_window = -5"},
             {head + good + "profile = \"../x\"",
              "5:11: providers.zai.codex.profile: cannot name a file of Codex's\nprofile = \"../x\""},
             {head + good + "profile = \"a.b\"",
              "5:11: providers.zai.codex.profile: cannot name a file of Codex's\nprofile = \"a.b\""},
             {head + good + "profile = \"minimax\"",
              "5:11: providers.zai.codex.profile: \"minimax\" is the profile of minimax\nprofile = \"minimax\""},
             {"[providers.ollama]\nkey_env = \"K\"\n[providers.ollama.codex]\n" + good,
              "3:19: providers.ollama.codex: Codex has a provider of that name built in and does not start on another "
              "one\n[providers.ollama.codex]",
              "ollama-gateway"},
         })
        expect_refused(refusal);
}

TEST(CatalogRefusal, OpencodeCell) {
    const std::string head = "[providers.aa]\nkey_env = \"K\"\n[providers.aa.opencode]\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head + "model = \"m\"", "3:15: providers.aa.opencode: npm is missing\n[providers.aa.opencode]",
              "@ai-sdk/openai-compatible"},
             {head + "npm = \"x\"", "3:15: providers.aa.opencode: base_url is missing\n[providers.aa.opencode]"},
             {head + "npm = \"x\"\nbase_url = \"https://x\"",
              "3:15: providers.aa.opencode: model is missing\n[providers.aa.opencode]"},
             {head + "npm = \"file:///tmp/evil\"",
              "4:7: providers.aa.opencode.npm: is no name of an npm package\nnpm = \"file:///tmp/evil\""},
             {head + "npm = \"./evil\"",
              "4:7: providers.aa.opencode.npm: is no name of an npm package\nnpm = \"./evil\""},
             {head + "npm = \"x\"\nbase_url = \"https://x\"\nmodel = \"zai/glm-5.1\"",
              "6:9: providers.aa.opencode.model: \"zai/glm-5.1\" is a model of Z.AI, not of aa\nmodel = "
              "\"zai/glm-5.1\"",
              "\"aa/zai/glm-5.1\""},
             {"[providers.zai.opencode]\nnative = true",
              "2:10: providers.zai.opencode.native: only Claude Code on anthropic and Codex on openai are an agent's "
              "own "
              "account\nnative = true"},
         })
        expect_refused(refusal);
}

}  // namespace
}  // namespace capsule
