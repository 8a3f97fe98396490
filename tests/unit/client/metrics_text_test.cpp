#include "client/commands/metrics_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsule {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CellMetrics cell() {
    CellMetrics out;
    out.agent = "claude";
    out.provider = "zai";
    out.started = 3;
    out.live = 1;
    out.counted = true;
    out.requests = {7, 2};
    out.latency = {{0.1, 2.5}, {4, 2, 1}, 12.25};
    out.refusals = {{"window", 2}};
    return out;
}

TEST(MetricsText, HasEachMetricOnceWithHelpAndType) {
    MetricsResult metrics;
    metrics.version = "1.0";
    metrics.cells = {cell()};
    const std::string text = metrics_text(metrics);
    EXPECT_THAT(text, HasSubstr("# HELP capsule_sessions Sessions that live.\n# TYPE capsule_sessions gauge\n"
                                "capsule_sessions{agent=\"claude\",provider=\"zai\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("capsule_build_info{version=\"1.0\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("capsule_requests_failed_total{agent=\"claude\",provider=\"zai\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("capsule_refusals_total{agent=\"claude\",provider=\"zai\",kind=\"window\"} 2\n"));
    EXPECT_THAT(text, Not(HasSubstr("capsule_broker_up"))) << "nothing needs the broker";
}

TEST(MetricsText, NoLabelCommandsATerminal) {
    MetricsResult metrics;
    metrics.version = "1\x1b[2J";
    metrics.cells = {cell()};
    metrics.cells.front().provider = "z\x1b]0;x\x07";
    EXPECT_EQ(metrics_text(metrics).find('\x1b'), std::string::npos);
}

TEST(MetricsText, NothingIsSaidOfRequestsThatNobodySees) {
    MetricsResult metrics;
    metrics.cells = {cell()};
    metrics.cells[0].counted = false;
    metrics.cells[0].requests = {};
    const std::string text = metrics_text(metrics);
    EXPECT_THAT(text, HasSubstr("capsule_sessions{agent=\"claude\",provider=\"zai\"} 1\n"));
    for (const std::string name : {"streams", "requests_total", "requests_failed_total", "tokens_total",
                                   "body_bytes_total", "request_seconds_count"}) {
        EXPECT_THAT(text, HasSubstr("# HELP capsule_" + name.substr(0, name.find("_count"))));
        EXPECT_THAT(text, Not(HasSubstr("capsule_" + name + "{")));
    }
}

TEST(MetricsText, ABucketHasAllUpToItsBound) {
    MetricsResult metrics;
    metrics.cells = {cell()};
    EXPECT_THAT(metrics_text(metrics),
                HasSubstr("# TYPE capsule_request_seconds histogram\n"
                          "capsule_request_seconds_bucket{agent=\"claude\",provider=\"zai\",le=\"0.1\"} 4\n"
                          "capsule_request_seconds_bucket{agent=\"claude\",provider=\"zai\",le=\"2.5\"} 6\n"
                          "capsule_request_seconds_bucket{agent=\"claude\",provider=\"zai\",le=\"+Inf\"} 7\n"
                          "capsule_request_seconds_sum{agent=\"claude\",provider=\"zai\"} 12.25\n"
                          "capsule_request_seconds_count{agent=\"claude\",provider=\"zai\"} 7\n"));
}

TEST(MetricsText, NoValueOfALabelCanBeginASampleOfItsOwn) {
    MetricsResult metrics;
    metrics.strangers = {{"a\"} 1\nforged \\", 1}};
    EXPECT_THAT(metrics_text(metrics), HasSubstr("{code=\"a\\\"} 1\\nforged \\\\\"} 1\n"));
}

}  // namespace
}  // namespace capsule
