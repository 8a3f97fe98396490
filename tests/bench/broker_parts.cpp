// What the broker's one thread reads of strangers' bytes: heads, bodies, answers. Each input is of the kind that would
// cost the most for its size, and none may take more than in proportion: all other sessions wait meanwhile.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/broker/core/answer_reader.hpp"
#include "daemon/broker/core/chunks.hpp"
#include "daemon/broker/core/http_head.hpp"
#include "daemon/broker/core/rewrite.hpp"
#include "daemon/broker/sessions.hpp"

namespace capsule::broker {
namespace {

std::string repeated(std::string_view part, const benchmark::State& state) {
    std::string out;
    while (out.size() < static_cast<std::size_t>(state.range(0)))
        out += part;
    return out;
}

void request_body_bytes(benchmark::State& state, std::string_view begin, std::string_view part) {
    const std::string body = std::string(begin) + repeated(part, state);
    for (auto _ : state) {
        RequestReader reader;
        reader.feed(body);
        benchmark::DoNotOptimize(reader.model().data());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(body.size() * state.iterations()));
    state.SetComplexityN(state.range(0));
}

void events_bytes(benchmark::State& state, std::string_view part) {
    const std::string body = repeated(part, state);
    for (auto _ : state) {
        AnswerReader reader(AnswerReader::Format::events);
        reader.feed(body);
        benchmark::DoNotOptimize(reader.usage());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(body.size() * state.iterations()));
    state.SetComplexityN(state.range(0));
}

void answer_bytes(benchmark::State& state, std::string_view begin, std::string_view part) {
    const std::string body = std::string(begin) + repeated(part, state);
    for (auto _ : state) {
        AnswerReader reader(AnswerReader::Format::json);
        reader.feed(body);
        benchmark::DoNotOptimize(reader.usage());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(body.size() * state.iterations()));
    state.SetComplexityN(state.range(0));
}

void chunks_bytes(benchmark::State& state) {
    const std::string bytes = repeated("1\r\n[\r\n", state);
    for (auto _ : state) {
        ChunkScanner chunks;
        RequestReader reader;
        chunks.scan(bytes, [&](std::string_view part) { reader.feed(part); });
        benchmark::DoNotOptimize(chunks.state());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size() * state.iterations()));
    state.SetComplexityN(state.range(0));
}

/// As a session's request is: whether it is refused or passed on.
void request_head_bytes(benchmark::State& state, std::string_view part) {
    const std::string bytes = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cst_FAKE\r\n" +
                              repeated(part, state) + "\r\n\r\n";
    const BaseUrl base{};
    for (auto _ : state) {
        const auto head = read_request_head(bytes);
        if (!head) continue;
        const auto credentials = credentials_of(*head);
        benchmark::DoNotOptimize(request_for_provider(*head, credentials.front(), "FAKE-key", base));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size() * state.iterations()));
    state.SetComplexityN(state.range(0));
}

void answer_head_bytes(benchmark::State& state, std::string_view part) {
    const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + repeated(part, state) + "\r\n\r\n";
    for (auto _ : state) {
        const auto head = read_response_head(bytes, "POST");
        if (head) benchmark::DoNotOptimize(response_for_agent(*head, false, "FAKE-key"));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size() * state.iterations()));
    state.SetComplexityN(state.range(0));
}

/// A key that many sessions have is rotated: capsuled tells the new one of each.
void rotated_keys(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    Sessions sessions;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) {
        Grant grant;
        grant.session = ids.emplace_back("s" + std::to_string(i));
        grant.token_sha256 = fmt::format("{:064x}", i);
        grant.provider = "zai";
        grant.base_url = "http://localhost:1/api";
        grant.surface = "anthropic_messages";
        grant.key = "FAKE-key";
        if (!sessions.grant(std::move(grant))) throw std::runtime_error("a grant is refused");
    }
    for (auto _ : state)
        for (const std::string& id : ids)
            sessions.set_key(Key{id, std::nullopt, "FAKE-new-key", std::nullopt});
    state.SetComplexityN(state.range(0));
}

void pieces(benchmark::internal::Benchmark* part) {
    part->Arg(4'000)->Arg(60'000)->Complexity(benchmark::oN)->Unit(benchmark::kMicrosecond);
}

BENCHMARK_CAPTURE(request_body_bytes, text, R"({"x":")", "text ")->Apply(pieces);
BENCHMARK_CAPTURE(request_body_bytes, escapes, R"({"x":")", R"(\n)")->Apply(pieces);
BENCHMARK_CAPTURE(request_body_bytes, quotes, "", R"("")")->Apply(pieces);
BENCHMARK_CAPTURE(request_body_bytes, numbers, "[", "1,")->Apply(pieces);
BENCHMARK_CAPTURE(request_body_bytes, members, "{", R"("a":1,)")->Apply(pieces);
BENCHMARK_CAPTURE(request_body_bytes, lists, "", "[")->Apply(pieces);
BENCHMARK_CAPTURE(request_body_bytes, pairs, "", "{}")->Apply(pieces);
BENCHMARK_CAPTURE(answer_bytes, numbers, R"({"usage":[)", "1,")->Apply(pieces);
BENCHMARK_CAPTURE(answer_bytes, counts, R"({"usage":{)", R"("input_tokens":1,)")->Apply(pieces);
BENCHMARK_CAPTURE(answer_bytes, escapes, R"({"x":")", R"(\n)")->Apply(pieces);
BENCHMARK_CAPTURE(events_bytes, cr, "\r")->Apply(pieces);
BENCHMARK_CAPTURE(events_bytes, lf, "\n")->Apply(pieces);
BENCHMARK_CAPTURE(events_bytes, both, "\r\n")->Apply(pieces);
BENCHMARK_CAPTURE(events_bytes, data_cr, "data:{}\r\r")->Apply(pieces);
BENCHMARK_CAPTURE(events_bytes, data_lf, "data:{}\n\n")->Apply(pieces);
BENCHMARK_CAPTURE(events_bytes, errors, "data:{\"error\":1}\n\n")->Apply(pieces);
BENCHMARK(chunks_bytes)->Apply(pieces);
BENCHMARK_CAPTURE(request_head_bytes, fields, "c:\r\n")->Apply(pieces);
BENCHMARK_CAPTURE(request_head_bytes, long_fields, "x_long-name: value of a header that is as long as they are\r\n")
    ->Apply(pieces);
BENCHMARK_CAPTURE(request_head_bytes, connection, "Connection: a,a,a,a,a,a,a,a\r\n")->Apply(pieces);
BENCHMARK_CAPTURE(request_head_bytes, value, "cst_FAK")->Apply(pieces);
BENCHMARK_CAPTURE(answer_head_bytes, fields, "c:\r\n")->Apply(pieces);
BENCHMARK_CAPTURE(answer_head_bytes, connection, "Connection: a,a,a,a,a,a,a,a\r\n")->Apply(pieces);

BENCHMARK(rotated_keys)->Arg(100)->Arg(1'000)->Complexity(benchmark::oN)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace capsule::broker
