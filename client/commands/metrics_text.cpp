#include "client/commands/metrics_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "client/output.hpp"

namespace capsule {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

std::string number_text(double value) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}
std::string number_text(std::uint64_t value) {
    return std::to_string(value);
}

std::string label_value(std::string_view value) {
    std::string out;
    for (const char c : printable(value, true)) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string labels_text(const Labels& labels) {
    std::string out;
    for (const auto& [name, value] : labels) {
        out += out.empty() ? "{" : ",";
        out += std::string(name) + "=\"" + label_value(value) + "\"";
    }
    return out.empty() ? out : out + "}";
}

class Exposition {
  public:
    /// All samples of a metric stand together, below this.
    void metric(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(type) + "\n";
    }
    template <class Number>
    void sample(const Labels& labels, Number value, std::string_view suffix = {}) {
        text_ += name_ + std::string(suffix) + labels_text(labels) + " " + number_text(value) + "\n";
    }
    template <class Number>
    void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
        metric(name, type, help);
        sample({}, value);
    }
    std::string take() { return std::move(text_); }

  private:
    std::string name_;
    std::string text_;
};

Labels labels_of(const CellMetrics& cell, Labels more = {}) {
    Labels labels{{"agent", cell.agent}, {"provider", cell.provider}};
    labels.insert(labels.end(), more.begin(), more.end());
    return labels;
}

void add_daemon(Exposition& out, const MetricsResult& metrics) {
    out.metric("capsule_build_info", "gauge", "The daemon's version.");
    out.sample({{"version", metrics.version}}, std::uint64_t{1});
    out.single("capsule_uptime_seconds", "gauge", "Since the daemon's start; counts begin anew then.",
               metrics.uptime_s);
    out.single("capsule_config_ok", "gauge", "0: the last reload failed, and an older configuration is in force.",
               std::uint64_t{metrics.config_ok});
    out.single("capsule_connections", "gauge", "Open connections to the daemon's socket.", metrics.connections.open);
    out.single("capsule_rpc_requests_total", "counter", "Requests to the daemon.", metrics.requests.total);
    out.single("capsule_rpc_errors_total", "counter", "Requests to the daemon that it answered with an error.",
               metrics.requests.errors);
    if (metrics.broker_up)
        out.single("capsule_broker_up", "gauge", "1: capsule-broker runs.", std::uint64_t{*metrics.broker_up});
}

/// One sample of each cell.
void add_cells(Exposition& out, const std::vector<CellMetrics>& cells, std::string_view name, std::string_view type,
               std::string_view help, const std::function<std::uint64_t(const CellMetrics&)>& value) {
    out.metric(name, type, help);
    for (const CellMetrics& cell : cells)
        out.sample(labels_of(cell), value(cell));
}

/// Of sessions that have the key itself nobody sees the requests: a 0 would say that there are none.
std::vector<CellMetrics> counted_cells(const MetricsResult& metrics) {
    std::vector<CellMetrics> out;
    std::ranges::copy_if(metrics.cells, std::back_inserter(out), [](const CellMetrics& cell) { return cell.counted; });
    return out;
}

void add_sessions(Exposition& out, const std::vector<CellMetrics>& cells) {
    add_cells(out, cells, "capsule_sessions", "gauge", "Sessions that live.",
              [](const auto& cell) { return cell.live; });
    add_cells(out, cells, "capsule_sessions_started_total", "counter", "Sessions that began.",
              [](const auto& cell) { return cell.started; });
}

void add_requests(Exposition& out, const std::vector<CellMetrics>& cells) {
    add_cells(out, cells, "capsule_streams", "gauge", "Requests to the provider under way, of sessions with a token.",
              [](const auto& cell) { return cell.streams; });
    add_cells(out, cells, "capsule_requests_total", "counter",
              "Requests to the provider, of sessions with a token. An agent with the key itself is not seen and has no "
              "series.",
              [](const auto& cell) { return cell.requests.total; });
    add_cells(out, cells, "capsule_requests_failed_total", "counter",
              "Requests that were answered with status 400 or higher, or cut.",
              [](const auto& cell) { return cell.requests.failed; });
}

void add_amounts(Exposition& out, const std::vector<CellMetrics>& cells) {
    out.metric("capsule_tokens_total", "counter",
               "Tokens as the provider's answers count them; cached ones are part of input.");
    for (const CellMetrics& cell : cells) {
        out.sample(labels_of(cell, {{"kind", "input"}}), cell.tokens.input);
        out.sample(labels_of(cell, {{"kind", "cached"}}), cell.tokens.cached);
        out.sample(labels_of(cell, {{"kind", "output"}}), cell.tokens.output);
    }
    out.metric("capsule_body_bytes_total", "counter", "Bytes of bodies: up to the provider, down from it.");
    for (const CellMetrics& cell : cells) {
        out.sample(labels_of(cell, {{"direction", "up"}}), cell.bytes_up);
        out.sample(labels_of(cell, {{"direction", "down"}}), cell.bytes_down);
    }
    out.metric("capsule_refusals_total", "counter", "Answers that refused a request, by the limit's kind.");
    for (const CellMetrics& cell : cells)
        for (const auto& [kind, count] : cell.refusals)
            out.sample(labels_of(cell, {{"kind", kind}}), count);
}

void add_latency(Exposition& out, const std::vector<CellMetrics>& cells) {
    out.metric("capsule_request_seconds", "histogram", "From a request's head to the head of the provider's answer.");
    for (const CellMetrics& cell : cells) {
        const LatencyCounts& latency = cell.latency;
        std::uint64_t so_far = 0;
        for (std::size_t i = 0; i < latency.counts.size(); ++i) {
            so_far += latency.counts[i];
            const std::string bound = i < latency.bounds_s.size() ? number_text(latency.bounds_s[i]) : "+Inf";
            out.sample(labels_of(cell, {{"le", bound}}), so_far, "_bucket");
        }
        out.sample(labels_of(cell), latency.sum_s, "_sum");
        out.sample(labels_of(cell), so_far, "_count");
    }
}

void add_strangers(Exposition& out, const MetricsResult& metrics) {
    out.metric("capsule_unknown_requests_total", "counter", "Requests to the broker that belonged to no live session.");
    for (const auto& [code, count] : metrics.strangers)
        out.sample({{"code", code}}, count);
}

}  // namespace

std::string metrics_text(const MetricsResult& metrics) {
    Exposition out;
    add_daemon(out, metrics);
    add_sessions(out, metrics.cells);
    const std::vector<CellMetrics> counted = counted_cells(metrics);
    add_requests(out, counted);
    add_amounts(out, counted);
    add_strangers(out, metrics);
    add_latency(out, counted);
    return out.take();
}

}  // namespace capsule
