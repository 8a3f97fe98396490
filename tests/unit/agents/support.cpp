#include "tests/unit/agents/support.hpp"

#include <fstream>
#include <sstream>

#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "daemon/routing/route.hpp"

namespace capsule::test {

namespace {

Located<std::string> catalog_value(std::string text) {
    return {std::move(text), "catalog"};
}

Provider provider(std::string id, std::string label, std::string key_env) {
    Provider out;
    out.id = std::move(id);
    out.origin = "catalog";
    out.label = std::move(label);
    out.key_env = std::move(key_env);
    out.timeout_ms = 3000000;
    return out;
}

void set_claude(Provider& out, std::string url, std::string opus, std::string sonnet, std::string haiku) {
    Cell& cell = out.cell(Agent::claude);
    cell.kind = CellKind::routed;
    cell.base_url = std::move(url);
    cell.model = catalog_value(std::move(opus));
    cell.tiers["sonnet"] = catalog_value(std::move(sonnet));
    cell.tiers["haiku"] = catalog_value(std::move(haiku));
}

void set_opencode(Provider& out, std::string npm, std::string url, std::string model) {
    Cell& cell = out.cell(Agent::opencode);
    cell.kind = CellKind::routed;
    cell.base_url = std::move(url);
    cell.model = catalog_value(std::move(model));
    cell.details = OpencodeCell{std::move(npm)};
}

/// What is known of a model.
Model& know(Provider& provider, std::string id, std::int64_t window, std::int64_t output) {
    Model& model = provider.models.emplace_back();
    model.id = std::move(id);
    model.origin = "catalog";
    model.context_window = window;
    model.max_output = output;
    model.input = {"text"};
    model.reasoning = true;
    return model;
}

}  // namespace

Catalog spec_catalog() {
    Provider anthropic = provider("anthropic", "Anthropic", "ANTHROPIC_API_KEY");
    anthropic.cell(Agent::claude).kind = CellKind::native;
    set_opencode(anthropic, "@ai-sdk/anthropic", "https://api.anthropic.com/v1", "");

    Provider openai = provider("openai", "OpenAI", "OPENAI_API_KEY");
    openai.cell(Agent::codex).kind = CellKind::native;

    Provider zai = provider("zai", "Z.AI", "ZAI_API_KEY");
    set_claude(zai, "https://api.z.ai/api/anthropic", "glm-5.1", "glm-5-turbo", "glm-4.5-air");
    zai.cell(Agent::codex).kind = CellKind::blocked;
    zai.cell(Agent::codex).blocked_reason = "Chat Completions only; Codex accepts only the Responses API";
    set_opencode(zai, "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4", "glm-5.1");

    know(zai, "glm-5.1", 200000, 131072);
    know(zai, "glm-5-turbo", 200000, 131072);
    know(zai, "glm-4.5-air", 131072, 98304);
    know(zai, "glm-4.7", 204800, 131072);

    Provider minimax = provider("minimax", "MiniMax", "MINIMAX_API_KEY");
    minimax.key_prefix = "sk-cp-";
    set_claude(minimax, "https://api.minimax.io/anthropic", "MiniMax-M3", "MiniMax-M3", "MiniMax-M3");
    Cell& codex = minimax.cell(Agent::codex);
    codex.kind = CellKind::routed;
    codex.base_url = "https://api.minimax.io/v1";
    codex.model = catalog_value("MiniMax-M3");
    codex.details = CodexCell{.profile = "minimax"};
    set_opencode(minimax, "@ai-sdk/anthropic", "https://api.minimax.io/anthropic/v1", "MiniMax-M3");

    Model& m3 = know(minimax, "MiniMax-M3", 1000000, 512000);
    m3.input = {"text", "image", "video"};
    m3.levels = {"none", "high"};
    know(minimax, "MiniMax-M2.7", 204800, 131072);

    Provider kimi = provider("kimi", "Kimi", "KIMI_CODE_API_KEY");
    set_claude(kimi, "https://api.kimi.com/coding", "kimi-for-coding", "kimi-for-coding", "kimi-for-coding");
    kimi.cell(Agent::codex) = zai.cell(Agent::codex);
    set_opencode(kimi, "@ai-sdk/anthropic", "https://api.kimi.com/coding/v1", "kimi-for-coding");

    know(kimi, "kimi-for-coding", 262144, 32768);

    return {{anthropic, openai, zai, minimax, kimi}};
}

std::string codex_sample(const std::string& version) {
    const std::string path = std::string(CAPSULE_TEST_DATA) + "/codex_models/" + version + ".json";
    std::ifstream in(path);
    EXPECT_TRUE(in) << path;
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

std::map<std::string, Secret> every_secret() {
    std::map<std::string, Secret> out;
    for (const char* name :
         {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ZAI_API_KEY", "MINIMAX_API_KEY", "KIMI_CODE_API_KEY",
          "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN", "CODEX_API_KEY", "CODEX_ACCESS_TOKEN",
          "OPENCODE_AUTH_CONTENT", "OPENCODE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "OP_SERVICE_ACCOUNT_TOKEN"})
        out.emplace(name, Secret("FAKE-secret-of-" + std::string(name)));
    return out;
}

Session keyed() {
    Session session;
    session.daemon_env.merge(every_secret());
    session.key = Secret(key);
    return session;
}

Session::Session() {
    config.catalog = spec_catalog();
    for (const AgentFacts& each : all_agents)
        config.agents[each.agent];
    home.user = {"agent", 1000, 1000, {1000}};
    home.home = "/home/agent";
    home.shell = "/bin/bash";
    daemon_env.emplace("PATH", Secret("/usr/bin:/bin"));
    model_list.problem = "codex is not installed";
}

SessionInputs Session::inputs() const {
    return {config,   home,         facts,     model_list, daemon_env, request_env, key,
            key_from, key_variable, file_keys, binary,     workspace,  role};
}

Result<Plan> Session::try_plan(Agent agent, const std::string& provider, std::optional<std::string> model) const {
    const Result<Route> route = route_session(config, {agent, provider, std::move(model), role});
    if (!route) return route.error();
    return render_session(*route, inputs());
}

Plan Session::plan(Agent agent, const std::string& provider, std::optional<std::string> model) const {
    Result<Plan> plan = try_plan(agent, provider, std::move(model));
    if (plan) return *std::move(plan);
    ADD_FAILURE() << plan.error().message;
    return {};
}

Strings argv_of(const Plan& plan) {
    Strings out;
    for (const Argument& argument : plan.argv)
        out.push_back(argument.value);
    return out;
}

StringMap env_of(const Plan& plan) {
    StringMap out;
    for (const auto& [name, variable] : plan.env)
        out.emplace(name, variable.reveal());
    return out;
}

StringMap route_env_of(const Plan& plan) {
    StringMap out = env_of(plan);
    for (const char* name : {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "CAPSULE_AGENT", "CAPSULE_PROVIDER"})
        EXPECT_EQ(out.erase(name), 1u) << name;
    return out;
}

Strings warning_codes(const Plan& plan) {
    Strings out;
    for (const Warning& warning : plan.warnings)
        out.push_back(warning.code);
    return out;
}

StringMap own_files(const std::vector<FileIntent>& files) {
    StringMap out;
    for (const FileIntent& file : files)
        if (const auto* own = content_of<OwnFileIntent>(file)) out[own->path] = own->content.value_or("(removed)");
    return out;
}

}  // namespace capsule::test
