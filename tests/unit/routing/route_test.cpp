// From agent, provider and overrides to a route: every cell, every level of precedence, every refusal.
#include "daemon/routing/route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/routing/support.hpp"

namespace capsule {
namespace {

using test::configured;

Error refused(const Config& config, const RouteQuery& query) {
    const auto route = route_session(config, query);
    if (route) ADD_FAILURE() << "it was routed";
    return route ? Error{} : route.error();
}

/// "opus|sonnet|haiku" for Claude, the model alone for the others, "-" for none.
std::string models(const Config& config, const RouteQuery& query) {
    const auto route = route_session(config, query);
    if (!route) return route.error().message;
    const std::string model = route->model ? route->model->value : "-";
    if (query.agent != Agent::claude || route->native) return model;
    return model + "|" + route->tiers.at("sonnet").value + "|" + route->tiers.at("haiku").value;
}

std::string origins(const Config& config, const RouteQuery& query) {
    const auto route = route_session(config, query);
    if (!route) return route.error().message;
    return (route->model ? route->model->origin : "-") + "|" + route->tiers.at("sonnet").origin + "|" +
           route->tiers.at("haiku").origin;
}

TEST(Route, EveryCell) {
    struct Cell {
        Agent agent;
        std::string provider;
        std::string outcome;  ///< its models, or an error's name
        bool native = false;
    };
    const Config config = configured();
    for (const Cell& cell : std::vector<Cell>{
             {Agent::claude, "anthropic", "-", true},
             {Agent::claude, "openai", "cell.unsupported"},
             {Agent::claude, "zai", "glm-5.3|glm-5.3|glm-5.3-flash"},
             {Agent::claude, "minimax", "MiniMax-M3|MiniMax-M3|MiniMax-M3"},
             {Agent::claude, "kimi", "kimi-for-coding|kimi-for-coding|kimi-for-coding"},
             {Agent::codex, "anthropic", "cell.unsupported"},
             {Agent::codex, "openai", "-", true},
             {Agent::codex, "zai", "glm-5.3"},
             {Agent::codex, "minimax", "MiniMax-M3"},
             {Agent::codex, "kimi", "kimi-for-coding"},
             {Agent::opencode, "anthropic", "-"},
             {Agent::opencode, "openai", "cell.unsupported"},
             {Agent::opencode, "zai", "glm-5.3"},
             {Agent::opencode, "minimax", "MiniMax-M3"},
             {Agent::opencode, "kimi", "kimi-for-coding"},
         }) {
        SCOPED_TRACE(std::string(id_of(cell.agent)) + " on " + cell.provider);
        const auto route = route_session(config, {cell.agent, cell.provider, {}, {}});
        if (!route) {
            EXPECT_EQ(name_of(route.error().code), cell.outcome);
            continue;
        }
        EXPECT_EQ(models(config, {cell.agent, cell.provider, {}, {}}), cell.outcome);
        EXPECT_EQ(route->native, cell.native);
        EXPECT_EQ(route->agent, cell.agent);
        EXPECT_EQ(route->provider, config.catalog.find(cell.provider));
    }
}

TEST(Route, ErrorsSayWhatToDo) {
    const Config config = configured("[providers.zai.codex]\nblocked = \"not this month\"\n");
    const Error blocked = refused(config, {Agent::codex, "zai", {}, {}});
    EXPECT_EQ(blocked.message, "Codex on Z.AI is blocked: not this month");
    EXPECT_THAT(blocked.hint, testing::HasSubstr("[providers.zai.codex]"));
    const Error unsupported = refused(config, {Agent::claude, "openai", {}, {}});
    EXPECT_EQ(unsupported.message, "Claude on OpenAI is not supported");
    EXPECT_THAT(unsupported.hint, testing::HasSubstr("`capsulectl providers claude`"));
    const Error unknown = refused(config, {Agent::claude, "minmax", {}, {}});
    EXPECT_EQ(unknown.code, ErrorCode::provider_unknown);
    EXPECT_EQ(unknown.message, "there is no provider \"minmax\"");
    EXPECT_THAT(unknown.hint,
                testing::StartsWith("Did you mean \"minimax\"? The providers are anthropic, openai, zai,"));
    const auto agent = find_agent("cluade");
    ASSERT_FALSE(agent);
    EXPECT_EQ(agent.error().code, ErrorCode::agent_unknown);
    EXPECT_EQ(agent.error().message, "there is no agent \"cluade\"");
    EXPECT_EQ(agent.error().hint, "Did you mean \"claude\"? The agents are claude, codex, opencode.");
    EXPECT_EQ(find_agent("kimi").error().code, ErrorCode::agent_unknown) << "the provider is not the agent runtime";
    EXPECT_EQ(*find_agent("codex"), Agent::codex);
}

TEST(Route, AnOperatorsTableTurnsABlockedCellOn) {
    const Config config = configured(R"([providers.zai.codex]
base_url = "https://api.z.ai/api/v1"
wire_api = "responses"
model = "glm-5.3"
context_window = 1048576
)");
    EXPECT_EQ(models(config, {Agent::codex, "zai", {}, {}}), "glm-5.3");
    EXPECT_EQ(route_session(config, {Agent::codex, "zai", {}, {}})->model->origin, "capsule.toml:4");
}

TEST(Precedence, RequestRoleFileCatalog) {
    const RoleTexts roles = {{"dev",
                              "[claude.providers.zai]\nmodel = \"role\"\n[codex.providers.minimax]\n"
                              "model = \"role\"\n[opencode.providers.zai]\nmodel = \"zai/role\"\n"}};
    const Config config = configured(R"([claude.providers.zai]
model = "file"
[codex.providers.minimax]
model = "file"
[opencode.providers.zai]
model = "file"
)",
                                     roles);
    const auto all = [&](std::optional<std::string> model, std::optional<std::string> role) {
        return models(config, {Agent::claude, "zai", model, role}) + " " +
               models(config, {Agent::codex, "minimax", model, role}) + " " +
               models(config, {Agent::opencode, "zai", model, role});
    };
    EXPECT_EQ(all("mine", "dev"), "mine|mine|mine mine mine");
    EXPECT_EQ(all({}, "dev"), "role|role|role role role");
    EXPECT_EQ(all({}, {}), "file|file|file file file");
    EXPECT_EQ(all({}, "unknown"), "file|file|file file file") << "an unknown role adds nothing";
    EXPECT_EQ(models(config, {Agent::claude, "kimi", {}, "dev"}), "kimi-for-coding|kimi-for-coding|kimi-for-coding");
}

TEST(Precedence, ClaudesTiersOneEach) {
    struct Case {
        std::string file, role, request, models;
    };
    for (const Case& c : std::vector<Case>{
             {"opus_model = \"f\"", "", "", "f|glm-5.3|glm-5.3-flash"},
             {"sonnet_model = \"f\"", "", "", "glm-5.3|f|glm-5.3-flash"},
             {"haiku_model = \"f\"", "", "", "glm-5.3|glm-5.3|f"},
             {"model = \"f\"\nhaiku_model = \"fh\"", "", "", "f|f|fh"},
             {"haiku_model = \"fh\"", "sonnet_model = \"rs\"", "", "glm-5.3|rs|fh"},
             {"haiku_model = \"fh\"", "model = \"r\"", "", "r|r|r"},
             {"model = \"f\"", "haiku_model = \"rh\"", "", "f|f|rh"},
             {"model = \"f\"\nopus_model = \"fo\"", "model = \"r\"\nopus_model = \"ro\"", "", "ro|r|r"},
             {"haiku_model = \"fh\"", "haiku_model = \"rh\"", "q", "q|q|q"},
         }) {
        const Config config =
            configured("[claude.providers.zai]\n" + c.file, {{"dev", "[claude.providers.zai]\n" + c.role}});
        SCOPED_TRACE(c.file + " / " + c.role + " / " + c.request);
        EXPECT_EQ(
            models(config, {Agent::claude, "zai", c.request.empty() ? std::nullopt : std::optional(c.request), "dev"}),
            c.models);
    }
}

TEST(Precedence, SaysWhereEachModelComesFrom) {
    const Config config = configured("[claude.providers.zai]\nhaiku_model = \"fh\"",
                                     {{"dev", "[claude.providers.zai]\nsonnet_model = \"rs\""}});
    EXPECT_EQ(origins(config, {Agent::claude, "zai", {}, "dev"}), "catalog|roles/dev.toml:2|capsule.toml:2");
    EXPECT_EQ(origins(config, {Agent::claude, "zai", "m", "dev"}), "request|request|request");
}

TEST(Precedence, NativeCells) {
    const RoleTexts roles = {{"dev", "[claude]\nmodel = \"haiku\"\n[codex]\nmodel = \"gpt-role\"\n"}};
    const Config config = configured("[claude]\nmodel = \"opus\"\n[codex]\nmodel = \"gpt-file\"\n", roles);
    EXPECT_EQ(models(config, {Agent::claude, "anthropic", "sonnet", "dev"}), "sonnet");
    EXPECT_EQ(models(config, {Agent::claude, "anthropic", {}, "dev"}), "haiku");
    EXPECT_EQ(models(config, {Agent::claude, "anthropic", {}, {}}), "opus");
    EXPECT_EQ(models(configured(), {Agent::claude, "anthropic", {}, {}}), "-");
    EXPECT_EQ(models(config, {Agent::codex, "openai", {}, "dev"}), "gpt-role");
    EXPECT_EQ(models(config, {Agent::codex, "openai", {}, {}}), "gpt-file");
    // [<agent>] model is for the agent's own account alone.
    EXPECT_EQ(models(config, {Agent::claude, "zai", {}, "dev"}), "glm-5.3|glm-5.3|glm-5.3-flash");
    EXPECT_EQ(models(config, {Agent::codex, "minimax", {}, "dev"}), "MiniMax-M3");
}

TEST(Precedence, OpencodeOnAnthropic) {
    const Config config = configured("[opencode]\nmodel = \"anthropic/claude-file\"\n");
    EXPECT_EQ(models(config, {Agent::opencode, "anthropic", {}, {}}), "claude-file");
    EXPECT_EQ(models(config, {Agent::opencode, "anthropic", "claude-mine", {}}), "claude-mine");
    EXPECT_EQ(models(config, {Agent::opencode, "zai", {}, {}}), "glm-5.3") << "it is not Z.AI's model";
    EXPECT_FALSE(route_session(config, {Agent::opencode, "anthropic", {}, {}})->native);
}

TEST(OpencodeModels, WithAndWithoutTheProvider) {
    const Config config = configured();
    const auto model = [&](const std::string& given) { return models(config, {Agent::opencode, "zai", given, {}}); };
    EXPECT_EQ(model("glm-4.7"), "glm-4.7");
    EXPECT_EQ(model("zai/glm-4.7"), "glm-4.7");
    EXPECT_EQ(model("org/model"), "org/model") << "a slash of the model's own";
    EXPECT_EQ(model("zai/org/model"), "org/model");
    EXPECT_EQ(model("zai/openai/gpt"), "openai/gpt") << "said explicitly";
    EXPECT_EQ(model("zai/"), "model: \"zai/\" names no model");
    const Error error = refused(config, {Agent::opencode, "zai", "kimi/kimi-for-coding", {}});
    EXPECT_EQ(error.code, ErrorCode::invalid_params);
    EXPECT_EQ(error.message, "model: \"kimi/kimi-for-coding\" is a model of Kimi, not of Z.AI");
    EXPECT_THAT(error.hint, testing::HasSubstr("\"zai/kimi/kimi-for-coding\""));
    // Only OpenCode names models so.
    EXPECT_EQ(models(config, {Agent::codex, "minimax", "kimi/x", {}}), "kimi/x");
}

TEST(RequestModels, Refused) {
    const Config config = configured();
    for (const std::string& model : {std::string(), std::string("a b"), std::string("a\n"), std::string("a\0b", 3),
                                     std::string("--oss"), std::string("{file:/etc/passwd}"), std::string("a\"b")}) {
        const Error error = refused(config, {Agent::codex, "minimax", model, {}});
        EXPECT_EQ(error.code, ErrorCode::invalid_params) << model;
        EXPECT_THAT(error.message, testing::StartsWith("model: ")) << model;
        EXPECT_FALSE(error.hint.empty());
    }
    EXPECT_EQ(refused(config, {Agent::codex, "minimax", "a\x1b[2J", {}}).message,
              "model: \"a\\x1b[2J\" cannot be a model's name");
    EXPECT_EQ(refused(config, {Agent::claude, "anthropic", "a b", {}}).code, ErrorCode::invalid_params) << "native too";
}

TEST(RequestModels, ClaudesOwnAliasesReachNobodyElse) {
    const Config config = configured();
    for (const std::string model : {"opus", "sonnet", "haiku", "fable", "opusplan", "default", "sonnet[1m]"}) {
        const Error error = refused(config, {Agent::claude, "zai", model, {}});
        EXPECT_EQ(error.code, ErrorCode::invalid_params) << model;
        EXPECT_EQ(models(config, {Agent::claude, "anthropic", model, {}}), model);
    }
    EXPECT_THAT(refused(config, {Agent::claude, "zai", "sonnet", {}}).hint, testing::HasSubstr("\"glm-5.3\""));
}

}  // namespace
}  // namespace capsule
