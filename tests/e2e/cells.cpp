#include "tests/e2e/cells.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <stdexcept>

#include "client/recorder/conversation.hpp"
#include "tests/e2e/secrets.hpp"

namespace capsule::e2e {

namespace {

/// Every hostile setting carries this mark, so that its effect is seen wherever it shows.
constexpr std::string_view hostile_mark = "evil";

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

bool allowed_model(const Cell& cell, std::string_view model) {
    return std::any_of(cell.models.begin(), cell.models.end(), [&](const std::string& allowed) {
        return allowed.ends_with('-') ? model.starts_with(allowed) : model == allowed;
    });
}

std::string everything(const RecordedRequest& request) {
    std::string text = request.target + "\n";
    for (const auto& [name, value] : request.headers)
        text += name + ": " + value + "\n";
    return text + request.body;
}

std::vector<std::string> other_secrets(const Cell& cell) {
    const std::string& own = secret(cell.key);
    std::vector<std::string> others;
    for (const auto& [name, value] : daemon_secrets)
        if (value != own) others.push_back(value);
    for (const auto& value : home_secrets)
        if (value != own) others.push_back(value);
    return others;
}

/// Codex asks this host of OpenAI's for its list of models, with the session's own OpenAI key.
bool models_list(const Cell& cell, const RecordedRequest& request) {
    return cell.provider == "openai" && request.host == "chatgpt.com" && request.path() == "/backend-api/codex/models";
}

void expect_auth(const RecordedRequest& request, const Cell& cell) {
    const std::string& key = secret(cell.key);
    const bool bearer = cell.auth_header == "authorization";
    EXPECT_EQ(request.header(cell.auth_header), bearer ? "Bearer " + key : key);
    // Claude Code sends what its key helper gives beside the token; there the product makes it give the same key.
    const std::string_view other = request.header(bearer ? "x-api-key" : "authorization");
    EXPECT_TRUE(other.empty() || (cell.agent == "claude" && cell.provider != "anthropic" && other == key)) << other;
}

void expect_request(const RecordedRequest& request, const Cell& cell) {
    SCOPED_TRACE(request.method + " https://" + request.host + request.target);
    const auto conversation = parse_conversation(request);
    const std::string all = everything(request);
    for (const auto& secret : other_secrets(cell))
        EXPECT_FALSE(contains(all, secret)) << "another secret: " << secret;
    EXPECT_EQ(request.sni, request.host);
    EXPECT_FALSE(contains(request.host, hostile_mark));
    for (const auto& [name, value] : request.headers)
        EXPECT_FALSE(contains(name + value, hostile_mark)) << name << ": " << value;
    if (!conversation && !contains(all, secret(cell.key))) return;
    EXPECT_TRUE(request.host == cell.host || models_list(cell, request));
    expect_auth(request, cell);
    if (!conversation) return;
    EXPECT_EQ(request.path(), cell.path);
    EXPECT_TRUE(allowed_model(cell, conversation->model)) << "model " << conversation->model;
}

/// Whether the process holds the key under all of its names, as the agent must.
bool expect_process(const std::map<std::string, std::string>& variables, const Cell& cell) {
    const std::string& key = secret(cell.key);
    std::vector<std::string> holders;
    for (const auto& [name, value] : variables) {
        for (const auto& secret : other_secrets(cell))
            EXPECT_FALSE(contains(value, secret)) << name << " holds another secret: " << secret;
        if (contains(value, key)) holders.push_back(name);
    }
    // What agents start may have less: Claude Code keeps its token from the commands that it runs.
    for (const auto& name : holders)
        EXPECT_TRUE(std::find(cell.key_variables.begin(), cell.key_variables.end(), name) != cell.key_variables.end())
            << name;
    if (holders != cell.key_variables) return false;
    // capsulectl, before it becomes the agent, has no key either.
    if (!variables.contains("CAPSULE_AGENT")) return false;
    for (const auto& [name, value] : cell.variables)
        EXPECT_EQ(variables.contains(name) ? variables.at(name) : "(none)", value) << name;
    return true;
}

}  // namespace

void PrintTo(const Cell& cell, std::ostream* out) {
    *out << cell.name();
}

const std::vector<Cell>& cells() {
    static const std::vector<Cell> all{
        {"claude",
         "anthropic",
         "api.anthropic.com",
         "/v1/messages",
         "authorization",
         "CLAUDE_CODE_OAUTH_TOKEN",
         {"CLAUDE_CODE_OAUTH_TOKEN"},
         {"claude-"}},
        {"claude",
         "zai",
         "api.z.ai",
         "/api/anthropic/v1/messages",
         "authorization",
         "ZAI_API_KEY",
         {"ANTHROPIC_AUTH_TOKEN"},
         {"glm-5.3", "glm-5.3-flash"}},
        {"claude",
         "minimax",
         "api.minimax.io",
         "/anthropic/v1/messages",
         "authorization",
         "MINIMAX_API_KEY",
         {"ANTHROPIC_AUTH_TOKEN"},
         {"MiniMax-M3"}},
        {"claude",
         "kimi",
         "api.kimi.com",
         "/coding/v1/messages",
         "authorization",
         "KIMI_CODE_API_KEY",
         {"ANTHROPIC_AUTH_TOKEN"},
         {"kimi-for-coding"}},
        {"codex",
         "openai",
         "api.openai.com",
         "/v1/responses",
         "authorization",
         "OPENAI_API_KEY",
         {"CODEX_API_KEY", "OPENAI_API_KEY"},
         {"gpt-"}},
        {"codex",
         "zai",
         "api.z.ai",
         "/api/v1/responses",
         "authorization",
         "ZAI_API_KEY",
         {"ZAI_API_KEY"},
         {"glm-5.3"},
         {{"JACKIN_CODEX_PROFILE", "zai"}}},
        {"codex",
         "minimax",
         "api.minimax.io",
         "/v1/responses",
         "authorization",
         "MINIMAX_API_KEY",
         {"MINIMAX_API_KEY"},
         {"MiniMax-M3"},
         {{"JACKIN_CODEX_PROFILE", "minimax"}}},
        {"codex",
         "kimi",
         "api.kimi.com",
         "/coding/v1/responses",
         "authorization",
         "KIMI_CODE_API_KEY",
         {"KIMI_CODE_API_KEY"},
         {"kimi-for-coding"},
         {{"JACKIN_CODEX_PROFILE", "kimi"}}},
        {"opencode",
         "anthropic",
         "api.anthropic.com",
         "/v1/messages",
         "x-api-key",
         "ANTHROPIC_API_KEY",
         {"ANTHROPIC_API_KEY"},
         {"claude-"}},
        {"opencode",
         "zai",
         "api.z.ai",
         "/api/coding/paas/v4/chat/completions",
         "authorization",
         "ZAI_API_KEY",
         {"ZAI_API_KEY"},
         {"glm-5.3"}},
        {"opencode",
         "minimax",
         "api.minimax.io",
         "/anthropic/v1/messages",
         "x-api-key",
         "MINIMAX_API_KEY",
         {"MINIMAX_API_KEY"},
         {"MiniMax-M3"}},
        {"opencode",
         "kimi",
         "api.kimi.com",
         "/coding/v1/messages",
         "x-api-key",
         "KIMI_CODE_API_KEY",
         {"KIMI_CODE_API_KEY"},
         {"kimi-for-coding"}},
    };
    return all;
}

const Cell& cell(const std::string& agent, const std::string& provider) {
    for (const auto& cell : cells())
        if (cell.agent == agent && cell.provider == provider) return cell;
    throw std::runtime_error("no such cell: " + agent + " × " + provider);
}

void start_with_broker(World& world) {
    world.start_daemon("[session]\nkeys = \"broker\"\n[broker]\nca_file = \"" + world.authority().string() +
                       "\"\n[opencode]\napi_key = \"inline\"\n");
}

Cell without_key(Cell cell) {
    cell.key_variables = {};
    return cell;
}

std::ptrdiff_t prompts(const AgentRun& run) {
    return std::count_if(run.requests.begin(), run.requests.end(),
                         [](const RecordedRequest& request) { return parse_conversation(request).has_value(); });
}

void expect_route(const AgentRun& run, const Cell& cell, bool may_refuse) {
    const bool refused = may_refuse && run.exit_code != 0;
    EXPECT_TRUE(refused || prompts(run) > 0) << "no request carried the prompt";
    for (const auto& request : run.requests)
        expect_request(request, cell);
    bool agent_seen = false;
    for (const auto& [process, variables] : run.processes) {
        SCOPED_TRACE("process " + process);
        agent_seen = expect_process(variables, cell) || agent_seen;
    }
    EXPECT_TRUE(agent_seen) << "no process held the key as the cell says";
}

void expect_printed(const AgentRun& run, const std::string& text) {
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_NE(run.out.find(text), std::string::npos) << "stdout:\n" << run.out << "\nstderr:\n" << run.err;
}

}  // namespace capsule::e2e
