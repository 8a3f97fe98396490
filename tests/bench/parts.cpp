// The steps of a request one by one, and how they grow: a step that takes more than in proportion fails the run.
//
// Each runs with an input of some size and with one at least sixteen times that size; the names say what is counted.
#include <benchmark/benchmark.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "daemon/access/policy.hpp"
#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/agents/session.hpp"
#include "daemon/load/load_config.hpp"
#include "daemon/routing/route.hpp"
#include "protocol/framing.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/methods.hpp"
#include "tests/bench/growth.hpp"

namespace capsule::bench {
namespace {

const std::string spawn_line =
    R"({"jsonrpc":"2.0","id":1000000,"method":"spawn","params":{"agent":"claude","provider":"zai"}})";

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}

std::string variable(std::size_t i) {
    return "LC_" + std::to_string(i);
}

std::size_t size_of(const benchmark::State& state) {
    return static_cast<std::size_t>(state.range(0));
}

void framing_requests(benchmark::State& state) {
    std::string input;
    for (std::size_t i = 0; i < size_of(state); ++i)
        input += spawn_line + "\n";
    LineReader reader;
    for (auto _ : state) {
        reader.append(input);
        while (const auto line = reader.next())
            benchmark::DoNotOptimize(line->data());
    }
    state.SetComplexityN(state.range(0));
}

void parse_variables(benchmark::State& state) {
    std::string line = R"({"jsonrpc":"2.0","id":1,"method":"spawn","params":{"agent":"claude","env":{"A":"")";
    for (std::size_t i = 0; i < size_of(state); ++i)
        line += ",\"" + variable(i) + "\":\"some value\"";
    line += "}}}";
    for (auto _ : state)
        benchmark::DoNotOptimize(must(parse_line(line)));
    state.SetComplexityN(state.range(0));
}

void dispatch_every_method(benchmark::State& state) {
    const Policy policy = must(Policy::make({}, 0));
    const Peer peer{1, 0, 0, {}};
    for (auto _ : state)
        for (std::size_t i = 0; i < size_of(state); ++i)
            for (const MethodInfo& each : methods) {
                const MethodInfo* method = find_method(each.name);
                benchmark::DoNotOptimize(policy.allows(method->tier, peer));
            }
    state.SetComplexityN(state.range(0));
}

/// The built-in providers and so many of an operator's.
Config config_with(std::size_t more_providers) {
    std::string text;
    for (std::size_t i = 0; i < more_providers; ++i) {
        const std::string id = std::to_string(i);
        text += "[providers.more-" + id + "]\nlabel = \"More " + id + "\"\nkey_env = \"MORE_" + id +
                "_API_KEY\"\n[providers.more-" + id + ".claude]\nbase_url = \"https://more-" + id +
                ".example/anthropic\"\nopus_model = \"o\"\nsonnet_model = \"s\"\nhaiku_model = \"h\"\n";
    }
    return must(parse_config(text, "capsule.toml", {}));
}

void route_providers(benchmark::State& state) {
    const Config config = config_with(size_of(state));
    const RouteQuery query{Agent::claude, "more-" + std::to_string(size_of(state) - 1), {}, {}};
    for (auto _ : state)
        benchmark::DoNotOptimize(must(route_session(config, query)));
    state.SetComplexityN(state.range(0));
}

struct Cell {
    Agent agent;
    const char* provider;
};
constexpr Cell claude_cell{Agent::claude, "zai"};
constexpr Cell codex_cell{Agent::codex, "minimax"};
constexpr Cell opencode_cell{Agent::opencode, "zai"};

std::string codex_models() {
    std::ifstream in(CAPSULE_BENCH_CODEX_MODELS);
    std::ostringstream out;
    out << in.rdbuf();
    if (!in || out.str().empty()) throw std::runtime_error("cannot read " CAPSULE_BENCH_CODEX_MODELS);
    return out.str();
}

/// A session of a home with every key, whose request brings so many variables.
struct Session {
    explicit Session(const Cell& wanted, std::size_t variables) : cell(wanted) {
        home.user = {"agent", 1000, 1000, {1000}};
        home.home = "/home/agent";
        home.shell = "/bin/bash";
        models.own = codex_model_list(codex_models());
        for (const Provider& provider : config.catalog.providers)
            file_keys[provider.id] = {Secret("FAKE-key-of-" + provider.id), true};
        for (std::size_t i = 0; i < variables; ++i)
            request_env[variable(i)] = "some value";
    }

    Result<Plan> plan() const {
        const Route route = must(route_session(config, {cell.agent, cell.provider, {}, {}}));
        return render_session(route,
                              {config, home, facts, models, daemon_env, request_env, Secret("FAKE-key-of-the-session"),
                               "environment", route.provider->key_env, file_keys, "/usr/bin/agent"});
    }

    Cell cell;
    Config config = config_with(0);
    SessionHome home;
    HomeFacts facts;
    ModelList models;
    std::map<std::string, Secret> daemon_env;
    std::map<std::string, std::string> request_env;
    std::map<std::string, FileKey> file_keys;
};

void render_variables(benchmark::State& state, const Cell& cell) {
    const Session session(cell, size_of(state));
    for (auto _ : state)
        benchmark::DoNotOptimize(must(session.plan()));
    state.SetComplexityN(state.range(0));
}

std::string text_of(const SpawnResult& result) {
    std::string text;
    write_json(text, result);
    return text;
}

void serialize_variables(benchmark::State& state) {
    const Plan plan = must(Session(claude_cell, size_of(state)).plan());
    SpawnResult result;
    result.agent = "claude";
    for (const auto& [name, value] : plan.env)
        result.env.emplace(name, value.reveal());
    result.unset = plan.unset;
    for (auto _ : state)
        benchmark::DoNotOptimize(success_answer(RequestId{"1"}, text_of(result)));
    state.SetComplexityN(state.range(0));
}

/// Each edit meets a file that has no block of ours yet.
void toml_edit_bytes(benchmark::State& state) {
    const TomlBlockIntent intent{"config.toml", {{"minimax", "[model_providers.minimax]\nname = \"MiniMax\"\n"}}, {}};
    std::string text = "model = \"gpt-5\"\n\n";
    for (std::size_t i = 0; text.size() < size_of(state); ++i)
        text += "[projects.\"/home/agent/work/" + std::to_string(i) + "\"]\ntrust_level = \"trusted\" # as asked\n\n";
    for (auto _ : state)
        benchmark::DoNotOptimize(must(merge_toml_block(text, intent)));
    state.SetComplexityN(state.range(0));
}

void opencode_merge_bytes(benchmark::State& state) {
    const OpencodeBlock block{
        "zai", "Z.AI", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4", "FAKE-zai-1", "glm-5.3"};
    const OpencodeJsonIntent intent{"opencode.json", {block}, {block}};
    std::string text = "{\n  \"theme\": \"dark\"";
    for (std::size_t i = 0; text.size() < size_of(state); ++i)
        text +=
            ",\n  \"member" + std::to_string(i) + "\": {\"command\": [\"a\", \"b\"], \"limit\": 1.50, \"on\": true}";
    text += "\n}\n";
    for (auto _ : state)
        benchmark::DoNotOptimize(must(merge_opencode_json(text, intent)));
    state.SetComplexityN(state.range(0));
}

/// What the session's user may put into files that are read for them, in lists as long as they like.
template <class Each>
std::string list_of(std::size_t bytes, const std::string& before, Each each, const std::string& after) {
    std::string text = before;
    for (std::size_t i = 0; text.size() < bytes; ++i)
        text += each(std::to_string(i));
    return text + after;
}

void opencode_members_bytes(benchmark::State& state) {
    const OpencodeBlock block{
        "zai", "Z.AI", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4", "FAKE-zai-1", "glm-5.3"};
    const OpencodeJsonIntent intent{"opencode.json", {block}, {block}};
    const std::string text = list_of(
        size_of(state), R"({"provider":{"a":1)", [](const std::string& i) { return ",\"" + i + "\":1"; }, "}}");
    for (auto _ : state)
        benchmark::DoNotOptimize(must(merge_opencode_json(text, intent)));
    state.SetComplexityN(state.range(0));
}

void claude_answers_bytes(benchmark::State& state) {
    const ClaudeApprovalIntent intent{".claude.json", "FAKE-tail-0123456789", "KEY"};
    const std::string text = list_of(
        size_of(state), R"({"capsuledApprovedKeys":{"KEY":"a"},"customApiKeyResponses":{"approved":["b")",
        [](const std::string&) { return ",\"a\""; }, "]}}");
    for (auto _ : state)
        benchmark::DoNotOptimize(must(merge_claude_json(text, intent)));
    state.SetComplexityN(state.range(0));
}

void codex_dotenv_bytes(benchmark::State& state) {
    const std::string text = list_of(
        size_of(state), "", [](const std::string& i) { return "NAME_" + i + "=1\n"; }, "");
    for (auto _ : state)
        benchmark::DoNotOptimize(dotenv_words(text));
    state.SetComplexityN(state.range(0));
}

void counts(benchmark::internal::Benchmark* part) {
    part->Arg(1)->Arg(16)->Arg(256)->Complexity(benchmark::oN);
}
void growing_counts(benchmark::internal::Benchmark* part) {
    part->Arg(16)->Arg(256)->Complexity(benchmark::oN);
}
void file_sizes(benchmark::internal::Benchmark* part) {
    part->Arg(10'000)->Arg(200'000)->Complexity(benchmark::oN)->Unit(benchmark::kMicrosecond);
}

BENCHMARK(framing_requests)->Apply(counts);
BENCHMARK(parse_variables)->Apply(counts);
BENCHMARK(dispatch_every_method)->Apply(counts);
BENCHMARK(route_providers)->Apply(growing_counts);
BENCHMARK_CAPTURE(render_variables, claude, claude_cell)->Apply(counts);
BENCHMARK_CAPTURE(render_variables, codex, codex_cell)->Apply(counts);
BENCHMARK_CAPTURE(render_variables, opencode, opencode_cell)->Apply(counts);
BENCHMARK(serialize_variables)->Apply(counts);
BENCHMARK(toml_edit_bytes)->Apply(file_sizes);
BENCHMARK(opencode_merge_bytes)->Apply(file_sizes);
BENCHMARK(opencode_members_bytes)->Apply(file_sizes);
BENCHMARK(claude_answers_bytes)->Apply(file_sizes);
BENCHMARK(codex_dotenv_bytes)->Apply(file_sizes);

}  // namespace
}  // namespace capsule::bench

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    return capsule::bench::all_are_linear() ? 0 : 1;
}
