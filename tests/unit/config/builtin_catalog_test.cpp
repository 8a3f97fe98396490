// Every cell of the built-in catalog.
#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

struct Row {
    std::string id, label, key_env, key_prefix, subscribe_url, key_url;
    CellKind claude, codex, opencode;
};

constexpr auto native = CellKind::native;
constexpr auto routed = CellKind::routed;
constexpr auto unsupported = CellKind::unsupported;

TEST(BuiltinCatalog, HasTheFiveProvidersInOrder) {
    const std::vector<Row> rows = {
        {"anthropic", "Anthropic", "ANTHROPIC_API_KEY", "", "https://claude.com/pricing",
         "https://console.anthropic.com/settings/keys", native, unsupported, routed},
        {"openai", "OpenAI", "OPENAI_API_KEY", "", "https://openai.com/chatgpt/pricing",
         "https://platform.openai.com/api-keys", unsupported, native, unsupported},
        {"zai", "Z.AI", "ZAI_API_KEY", "", "https://z.ai/subscribe", "https://z.ai/manage-apikey/apikey-list", routed,
         routed, routed},
        {"minimax", "MiniMax", "MINIMAX_API_KEY", "sk-cp-", "https://platform.minimax.io/subscribe/token-plan",
         "https://platform.minimax.io/console/plan", routed, routed, routed},
        {"kimi", "Kimi", "KIMI_CODE_API_KEY", "sk-ki", "https://www.kimi.com/membership/pricing",
         "https://www.kimi.com/code/console", routed, routed, routed},
    };
    const Catalog& catalog = builtin_catalog();
    ASSERT_EQ(catalog.providers.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Provider& provider = catalog.providers[i];
        SCOPED_TRACE(rows[i].id);
        EXPECT_EQ(provider.id, rows[i].id);
        EXPECT_EQ(provider.label, rows[i].label);
        EXPECT_EQ(provider.key_env, rows[i].key_env);
        EXPECT_EQ(provider.key_prefix, rows[i].key_prefix);
        EXPECT_EQ(provider.subscribe_url, rows[i].subscribe_url);
        EXPECT_EQ(provider.key_url, rows[i].key_url);
        EXPECT_EQ(provider.kind(Agent::claude), rows[i].claude);
        EXPECT_EQ(provider.kind(Agent::codex), rows[i].codex);
        EXPECT_EQ(provider.kind(Agent::opencode), rows[i].opencode);
        EXPECT_EQ(provider.timeout_ms, 3000000);
        EXPECT_EQ(provider.origin, "catalog");
        EXPECT_FALSE(provider.notes.empty());
    }
}

TEST(BuiltinCatalog, ClaudeCells) {
    struct Expected {
        std::string id, base_url, opus, sonnet, haiku;
    };
    for (const Expected& want : std::vector<Expected>{
             {"zai", "https://api.z.ai/api/anthropic", "glm-5.3", "glm-5.3", "glm-5.3-flash"},
             {"minimax", "https://api.minimax.io/anthropic", "MiniMax-M3", "MiniMax-M3", "MiniMax-M3"},
             {"kimi", "https://api.kimi.com/coding", "kimi-for-coding", "kimi-for-coding", "kimi-for-coding"}}) {
        SCOPED_TRACE(want.id);
        const Cell& cell = builtin_catalog().find(want.id)->cell(Agent::claude);
        EXPECT_EQ(cell.base_url, want.base_url);
        EXPECT_EQ(claude_cell(cell).auth, ClaudeAuth::auth_token);
        EXPECT_EQ(cell.model.value, want.opus);
        EXPECT_EQ(cell.tiers.at("sonnet").value, want.sonnet);
        EXPECT_EQ(cell.tiers.at("haiku").value, want.haiku);
        EXPECT_EQ(cell.model.origin, "catalog");
        EXPECT_EQ(cell.env.at("ENABLE_TOOL_SEARCH").value, "false");
    }
}

TEST(BuiltinCatalog, CodexCells) {
    struct Expected {
        std::string id, base_url, model;
    };
    for (const Expected& want : std::vector<Expected>{{"zai", "https://api.z.ai/api/v1", "glm-5.3"},
                                                      {"minimax", "https://api.minimax.io/v1", "MiniMax-M3"},
                                                      {"kimi", "https://api.kimi.com/coding/v1", "kimi-for-coding"}}) {
        SCOPED_TRACE(want.id);
        const Cell& cell = builtin_catalog().find(want.id)->cell(Agent::codex);
        EXPECT_EQ(cell.base_url, want.base_url);
        EXPECT_EQ(cell.model.value, want.model);
        EXPECT_EQ(codex_cell(cell).profile, want.id);
    }
}

TEST(BuiltinCatalog, OpencodeCells) {
    struct Expected {
        std::string id, npm, base_url, model;
    };
    for (const Expected& want :
         std::vector<Expected>{{"anthropic", "@ai-sdk/anthropic", "https://api.anthropic.com/v1", ""},
                               {"zai", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4", "glm-5.3"},
                               {"minimax", "@ai-sdk/anthropic", "https://api.minimax.io/anthropic/v1", "MiniMax-M3"},
                               {"kimi", "@ai-sdk/anthropic", "https://api.kimi.com/coding/v1", "kimi-for-coding"}}) {
        SCOPED_TRACE(want.id);
        const Cell& cell = builtin_catalog().find(want.id)->cell(Agent::opencode);
        EXPECT_EQ(opencode_npm(cell), want.npm);
        EXPECT_EQ(cell.base_url, want.base_url);
        EXPECT_EQ(cell.model.value, want.model);
    }
}

TEST(BuiltinCatalog, FurtherModels) {
    struct Expected {
        std::string provider, model;
        std::int64_t window, output;
    };
    for (const Expected& want : std::vector<Expected>{{"zai", "glm-5.3", 1000000, 131072},
                                                      {"zai", "glm-5.3[1m]", 1000000, 131072},
                                                      {"zai", "glm-5.3-flash", 1000000, 131072},
                                                      {"zai", "glm-5.1", 200000, 131072},
                                                      {"zai", "glm-5-turbo", 200000, 131072},
                                                      {"zai", "glm-4.7", 204800, 131072},
                                                      {"zai", "glm-4.5-air", 131072, 98304},
                                                      {"minimax", "MiniMax-M3", 1000000, 512000},
                                                      {"minimax", "MiniMax-M2.7", 204800, 131072},
                                                      {"kimi", "kimi-for-coding", 262144, 32768},
                                                      {"kimi", "k3", 1048576, 131072}}) {
        SCOPED_TRACE(want.model);
        const Model* model = builtin_catalog().find(want.provider)->model(want.model);
        ASSERT_NE(model, nullptr);
        EXPECT_EQ(model->context_window, want.window);
        EXPECT_EQ(model->max_output, want.output);
        EXPECT_EQ(model->input.front(), "text");
        EXPECT_EQ(model->reasoning, true);
    }
    EXPECT_EQ(builtin_catalog().find("zai")->model("glm-6"), nullptr);
}

TEST(BuiltinCatalog, EveryModelOfACellIsKnown) {
    for (const Provider& provider : builtin_catalog().providers) {
        if (!provider.alternative()) continue;
        for (const Cell& cell : provider.cells) {
            EXPECT_NE(provider.model(cell.model.value), nullptr) << cell.model.value;
            for (const auto& [tier, model] : cell.tiers)
                EXPECT_NE(provider.model(model.value), nullptr) << model.value;
        }
    }
}

TEST(BuiltinCatalog, KnowsWhichProviderIsMeant) {
    const Catalog& catalog = builtin_catalog();
    for (const auto& [word, id] : std::map<std::string, std::string>{{"glm", "zai"},
                                                                     {"Z.AI", "zai"},
                                                                     {"zia", "zai"},
                                                                     {"chatgpt", "openai"},
                                                                     {"GPT", "openai"},
                                                                     {"claude", "anthropic"},
                                                                     {"moonshot", "kimi"},
                                                                     {"kimi-for-coding", "kimi"},
                                                                     {"ZAI_API_KEY", "zai"},
                                                                     {"minmax", "minimax"}})
        EXPECT_EQ(catalog.meant_by(word), id) << word;
    EXPECT_EQ(catalog.meant_by("somebody-else"), std::nullopt);
}

TEST(BuiltinCatalog, Lookups) {
    const Catalog& catalog = builtin_catalog();
    EXPECT_EQ(catalog.find("nobody"), nullptr);
    EXPECT_EQ(catalog.by_key_variable("KIMI_CODE_API_KEY"), catalog.find("kimi"));
    EXPECT_EQ(catalog.by_key_variable("HOME"), nullptr);
    EXPECT_THAT(catalog.ids(), testing::ElementsAre("anthropic", "openai", "zai", "minimax", "kimi"));
    EXPECT_FALSE(catalog.find("anthropic")->alternative());
    EXPECT_FALSE(catalog.find("openai")->alternative());
    EXPECT_TRUE(catalog.find("zai")->alternative());
}

}  // namespace
}  // namespace capsule
