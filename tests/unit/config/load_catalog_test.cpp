// [providers.<id>] in capsule.toml: overriding, adding, turning on.
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::loaded;
using test::parse;

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

}  // namespace
}  // namespace capsule
