// [providers.<id>] in capsule.toml: overriding, adding, turning on, and every refusal.
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::expect_refused;
using test::loaded;
using test::parse;
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

/// Where a provider is asked what is left of a plan, and where nobody knows how to.
std::string usage_of(std::string_view text, std::string_view id) {
    const Config config = loaded(text);
    const UsageSource& usage = provider(config, id).usage;
    return usage.url + "|" + usage.elsewhere + "|" + usage.shape;
}

TEST(CatalogOverride, TheBuiltInUsageIsNotAskedForAnotherHost) {
    const std::string built_in = "https://api.kimi.com/coding/v1/usages||kimi";
    const std::string usage = "usage.url = \"https://api.kimi.ai/coding/v1/usages\"\n";
    for (const std::string agent : {"claude", "codex", "opencode"}) {
        const std::string cell = "[providers.kimi]\n" + agent + ".base_url = ";
        EXPECT_EQ(usage_of(cell + "\"https://api.kimi.ai/coding\"\n", "kimi"), "|api.kimi.ai|kimi");
        EXPECT_EQ(usage_of(cell + "\"https://api.kimi.com:8443/coding\"\n", "kimi"), "|api.kimi.com:8443|kimi");
        EXPECT_EQ(usage_of(cell + "\"https://API.kimi.com:443/other\"\n", "kimi"), built_in);
        EXPECT_EQ(usage_of(cell + "\"https://api.kimi.ai/coding\"\n" + usage, "kimi"),
                  "https://api.kimi.ai/coding/v1/usages||kimi");
        EXPECT_EQ(usage_of(cell + "\"https://api.kimi.ai/coding\"\nusage.url = \"\"\n", "kimi"), "||kimi");
        EXPECT_EQ(usage_of(cell + "\"https://api.kimi.ai/coding\"\nusage.documented = true\n", "kimi"),
                  "|api.kimi.ai|kimi");
    }
    EXPECT_EQ(usage_of("[providers.kimi]\nclaude.auth = \"api_key\"\nlabel = \"K\"\n", "kimi"), built_in);
    EXPECT_EQ(usage_of("[providers.zai]\ncodex.base_url = \"http://127.0.0.1:8080/v1\"\n", "zai"),
              "|127.0.0.1:8080|zai");
    EXPECT_EQ(usage_of("[providers.zai]\ncodex.base_url = \"http://127.0.0.1:8080/v1\"\n", "kimi"), built_in);
}

TEST(CatalogOverride, SaysWhereAModelWasSet) {
    const Config config = loaded("[providers.zai.claude]\nopus_model = \"glm-6\"\n");
    EXPECT_EQ(provider(config, "zai").cell(Agent::claude).model.value, "glm-6");
    EXPECT_EQ(provider(config, "zai").cell(Agent::claude).model.origin, "capsule.toml:2");
    EXPECT_EQ(provider(config, "zai").cell(Agent::claude).tiers.at("sonnet").value, "glm-5.3");
}

TEST(CatalogOverride, ACellsWindowIsOfItsModel) {
    const Config config = loaded(R"([providers.zai.codex]
model = "glm-6"
context_window = 1048576
)");
    const CodexCell& cell = codex_cell(provider(config, "zai").cell(Agent::codex));
    EXPECT_EQ(cell.context_window, 1048576);
    EXPECT_EQ(cell.window_of, "glm-6");
    EXPECT_EQ(cell.profile, "zai");
}

TEST(CatalogOverride, AModelsFacts) {
    const Config config = loaded(R"([providers.kimi.models."kimi-for-coding"]
context_window = 1048576
[providers.zai.models."glm-6"]
context_window = 2000000
max_output = 200000
input = ["text", "pdf"]
reasoning_levels = ["low", "max"]
default_reasoning_level = "max"
claude.env = { A_LIMIT = "5" }
codex = { effective_context_window_percent = 80, truncation_mode = "tokens", truncation_limit = 9000, freeform_apply_patch = true }
opencode.limit = { context = 1900000, output = 100000 }
[providers.minimax]
models = ["MiniMax-M9"]
)");
    const Model& kimi = *provider(config, "kimi").model("kimi-for-coding");
    EXPECT_EQ(kimi.context_window, 1048576);
    EXPECT_EQ(kimi.max_output, 32768) << "what is not said stays";
    EXPECT_EQ(kimi.origin, "capsule.toml:1");
    const Model& glm = *provider(config, "zai").model("glm-6");
    EXPECT_EQ(glm.input, (std::vector<std::string>{"text", "pdf"}));
    EXPECT_EQ(glm.levels, (std::vector<std::string>{"low", "max"}));
    EXPECT_EQ(glm.default_level, "max");
    EXPECT_EQ(glm.reasoning, true);
    EXPECT_EQ(glm.of(Agent::claude).env.at("A_LIMIT").value, "5");
    EXPECT_EQ(codex_fields(glm.of(Agent::codex)).window_percent, 80);
    EXPECT_EQ(codex_fields(glm.of(Agent::codex)).truncation_mode, "tokens");
    EXPECT_EQ(codex_fields(glm.of(Agent::codex)).truncation_limit, 9000);
    EXPECT_TRUE(codex_fields(glm.of(Agent::codex)).freeform_apply_patch);
    EXPECT_EQ(opencode_limit(glm.of(Agent::opencode)).context, 1900000);
    EXPECT_EQ(provider(config, "minimax").model("MiniMax-M9")->context_window, 0) << "its name alone";
    EXPECT_EQ(provider(config, "minimax").model("MiniMax-M3")->context_window, 1000000);
}

TEST(CatalogRefusal, AModel) {
    const std::string head = "[providers.zai.models.\"glm-6\"]\n";
    for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
             {"context_window = 0", "context_window: 0 is out of range"},
             {"context_windows = 5", "context_windows: unknown setting"},
             {"context_window = 10\nmax_output = 11", "max_output: is more than context_window"},
             {"input = [\"texts\"]", "input: is nothing that a model can be given"},
             {"input = [\"image\"]", "input: has no \"text\""},
             {"reasoning = false\nreasoning_levels = [\"low\"]",
              "reasoning: is false, and reasoning_levels names some"},
             {"default_reasoning_level = \"low\"", "default_reasoning_level: \"low\" is not in reasoning_levels"},
             {"claude.env = { ANTHROPIC_BASE_URL = \"x\" }", "ANTHROPIC_BASE_URL is reserved"},
             {"claude.env = { KIMI_CODE_API_KEY = \"x\" }", "is the key variable of kimi"},
             {"codex.effective_context_window_percent = 101", "effective_context_window_percent: 101 is out of range"},
             {"codex.truncation_mode = \"lines\"", "truncation_mode: unknown value \"lines\""},
             {"codex.shell = \"x\"", "codex.shell: unknown setting"},
             {"opencode.limit = { context = 5 }", "limit needs context and output"},
         }) {
        SCOPED_TRACE(text);
        const auto config = parse(head + text + "\n");
        ASSERT_FALSE(config) << "it was accepted";
        EXPECT_THAT(config.error().message, testing::HasSubstr(message));
    }
    EXPECT_FALSE(parse("[providers.zai.models.\"a b\"]\ncontext_window = 5\n"));
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
    ASSERT_EQ(zz.models.size(), 2U);
    EXPECT_EQ(zz.models[0].id, "one");
    EXPECT_EQ(zz.models[1].id, "org/two");
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

TEST(CatalogOverride, WhatRefusalsMeanIsReplacedAsAWhole) {
    const Config config = loaded(R"([providers.zai]
refusals = [{kind = "busy", status = 503}, {kind = "week", status = 429, code = "1310", text = "Weekly"}]
)");
    const std::vector<RefusalRule>& rules = provider(config, "zai").refusals;
    ASSERT_EQ(rules.size(), 2U);
    EXPECT_EQ(rules[0].kind, "busy");
    EXPECT_EQ(rules[0].status, 503);
    EXPECT_EQ(rules[0].code, std::nullopt);
    EXPECT_EQ(rules[1].code, "1310");
    EXPECT_EQ(rules[1].text, "Weekly");
    EXPECT_GT(provider(config, "kimi").refusals.size(), 2U);
    EXPECT_TRUE(provider(loaded("[providers.zai]\nrefusals = []\n"), "zai").refusals.empty());
    EXPECT_EQ(provider(config, "zai").reset_zone, "+08:00") << "the catalog's";
    EXPECT_EQ(provider(loaded("[providers.zai]\nreset_zone = \"-05:30\"\n"), "zai").reset_zone, "-05:30");
    EXPECT_EQ(provider(loaded("[providers.zai]\nreset_zone = \"\"\n"), "zai").reset_zone, "") << "not known";
    for (const std::string zone : {"Beijing", "+8", "+25:00", "+08:00 "})
        EXPECT_THAT(parse("[providers.zai]\nreset_zone = \"" + zone + "\"\n").error().message,
                    testing::HasSubstr("providers.zai.reset_zone: must be a distance from UTC"));
}

TEST(CatalogRefusal, Refusals) {
    const std::string head = "[providers.zai]\nrefusals = [{";
    // What stands in a list is not shown.
    const std::string line = "\nrefusals = [ {…";
    const std::string all = "providers.zai.refusals";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[providers.zai]\nrefusals = \"1308\"",
              "2:12: " + all + ": expected a list of tables, got a string\nrefusals = \"1308\""},
             {head + "code = \"1308\"}]", "2:13: " + all + ": kind is missing" + line, "It says what"},
             {head + "kind = \"key\"}]", "2:13: " + all + ": this would be every answer" + line, "Name a status"},
             {head + "kind = \"hour\", status = 429}]", "2:21: " + all + ".kind: unknown value \"hour\"" + line,
              "It must be one of \"window\""},
             {head + "kind = \"key\", status = 99}]", "2:37: " + all + ".status: 99 is out of range" + line},
             {head + "kind = \"key\", code = \"{}\"}]",
              "2:35: " + all + ".code: must be one line of at most 200 bytes, without braces" + line},
         })
        expect_refused(refusal);
    EXPECT_THAT(parse(head + "kind = \"key\", status = 429, word = \"a\"}]").error().message,
                testing::HasSubstr(all + ".word: unknown setting"));
    EXPECT_THAT(parse("[providers.zai]\nrefusals = [\"1308\"]").error().message,
                testing::HasSubstr(all + ": expected a table in the list, got a string"));
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
    const std::string head = "[providers.aa]\nkey_env = \"K\"\n[providers.aa.codex]\n";
    const std::string good = "base_url = \"https://x/v1\"\nmodel = \"m\"\ncontext_window = 1000\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head + "wire_api = \"responses\"", "3:15: providers.aa.codex: base_url is missing\n[providers.aa.codex]"},
             {head + "base_url = \"https://x\"", "3:15: providers.aa.codex: model is missing\n[providers.aa.codex]"},
             {head + good + "wire_api = \"chat\"",
              "7:12: providers.aa.codex.wire_api: must be \"responses\"\nwire_api = \"chat\"",
              "Codex does not start on \"chat\""},
             {head + good + "wire_api = \"grpc\"",
              "7:12: providers.aa.codex.wire_api: must be \"responses\"\nwire_api = \"grpc\"", "no other protocol"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"\ncontext_window = 0",
              "6:18: providers.aa.codex.context_window: 0 is out of range\ncontext_window = 0", "from 1 to"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"\ncontext_window = -5",
              "6:18: providers.aa.codex.context_window: -5 is out of range\ncontext_window = -5"},
             {head + good + "profile = \"../x\"",
              "7:11: providers.aa.codex.profile: cannot name a file of Codex's\nprofile = \"../x\""},
             {head + good + "profile = \"a.b\"",
              "7:11: providers.aa.codex.profile: cannot name a file of Codex's\nprofile = \"a.b\""},
             {head + good + "profile = \"minimax\"",
              "7:11: providers.aa.codex.profile: \"minimax\" is the profile of minimax\nprofile = \"minimax\""},
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
             {head + "npm = \"x\"\nbase_url = \"https://x\"\nmodel = \"zai/glm-5.3\"",
              "6:9: providers.aa.opencode.model: \"zai/glm-5.3\" is a model of Z.AI, not of aa\nmodel = "
              "\"zai/glm-5.3\"",
              "\"aa/zai/glm-5.3\""},
             {"[providers.zai.opencode]\nnative = true",
              "2:10: providers.zai.opencode.native: only Claude Code on anthropic and Codex on openai are an agent's "
              "own "
              "account\nnative = true"},
         })
        expect_refused(refusal);
}

}  // namespace
}  // namespace capsule
