// Answers in the shapes that docs and programs of the providers have, and everything else that may come in their place.
#include "daemon/broker/core/plan_usage_reader.hpp"

#include <gtest/gtest.h>

#include "tests/support/many_members.hpp"

namespace capsule::broker {
namespace {

using Windows = std::vector<PlanWindow>;

constexpr std::string_view zai =
    R"({"code":200,"msg":"Operation successful","success":true,"data":{"level":"pro","limits":[
  {"type":"TIME_LIMIT","unit":5,"number":1,"usage":1000,"currentValue":280,"remaining":720,"percentage":28,
   "nextResetTime":1796083200000,"usageDetails":[{"modelCode":"search-prime","usage":280}]},
  {"type":"TOKENS_LIMIT","unit":6,"number":1,"percentage":61,"nextResetTime":1795996800000},
  {"type":"TOKENS_LIMIT","unit":3,"number":5,"percentage":42,"nextResetTime":1795701600000}]}})";

constexpr std::string_view minimax = R"({"base_resp":{"status_code":0,"status_msg":"success"},"model_remains":[
  {"model_name":"video","current_interval_remaining_percent":3,"current_weekly_remaining_percent":3,
   "current_interval_status":1,"current_weekly_status":1},
  {"model_name":"general","start_time":1795683600000,"end_time":1795701600000,"remains_time":18000000,
   "current_interval_total_count":0,"current_interval_usage_count":0,"current_interval_status":1,
   "current_interval_remaining_percent":58,"weekly_start_time":1795392000000,"weekly_end_time":1795996800000,
   "current_weekly_total_count":0,"current_weekly_usage_count":0,"current_weekly_status":1,
   "current_weekly_remaining_percent":39}]})";

constexpr std::string_view kimi = R"({"usages":{
  "limit_5h":{"used_ratio":0.426,"reset_time":"2026-11-26T14:00:00.123456Z"},
  "limit_7d":{"used_ratio":"0.61","reset_time":"2026-11-30T08:00:00+08:00"},
  "limit_month_total":{"used_ratio":0.1,"reset_time":""},"limit_month_code":{"used_ratio":0.2}}})";

TEST(ReadUsage, OfZai) {
    const UsageAnswer seen = read_usage(UsageShape::zai, 200, zai);
    EXPECT_EQ(seen.error, std::nullopt);
    EXPECT_EQ(seen.plan, "pro");
    EXPECT_EQ(seen.windows, (Windows{{"5 hours", 42, "2026-11-26T14:00:00Z"},
                                     {"week", 61, "2026-11-30T00:00:00Z"},
                                     {"tools", 28, "2026-12-01T00:00:00Z"}}));
}

TEST(ReadUsage, OfMiniMax) {
    const UsageAnswer seen = read_usage(UsageShape::minimax, 200, minimax);
    EXPECT_EQ(seen.error, std::nullopt);
    EXPECT_EQ(seen.plan, std::nullopt);
    EXPECT_EQ(seen.windows, (Windows{{"5 hours", 42, "2026-11-26T14:00:00Z"}, {"week", 61, "2026-11-30T00:00:00Z"}}));
}

TEST(ReadUsage, OfMiniMaxWithoutALimitAndWithABoost) {
    const UsageAnswer seen = read_usage(
        UsageShape::minimax, 200,
        R"({"model_remains":[{"model_name":"MiniMax-M3","current_interval_remaining_percent":150,"current_weekly_status":3,
            "current_weekly_remaining_percent":0}]})");
    EXPECT_EQ(seen.windows, (Windows{{"5 hours", 0, {}}}));
}

TEST(ReadUsage, OfMiniMaxWithoutAnyLimit) {
    const auto said = [](const std::string& count) {
        return read_usage(
                   UsageShape::minimax, 200,
                   R"({"model_remains":[{"model_name":"general","current_interval_status":3,"current_weekly_status":3,
                              "current_weekly_total_count":)" +
                       count + "}]}")
            .error.value_or("none");
    };
    EXPECT_EQ(said("0"), "the provider says that this plan does not include text models");
    EXPECT_EQ(said("500"), "the provider says that no window of this plan has a limit");
}

TEST(ReadUsage, OfKimi) {
    const UsageAnswer seen = read_usage(UsageShape::kimi, 200, kimi);
    EXPECT_EQ(seen.error, std::nullopt);
    EXPECT_EQ(
        seen.windows,
        (Windows{{"5 hours", 42, "2026-11-26T14:00:00Z"}, {"week", 61, "2026-11-30T00:00:00Z"}, {"month", 20, {}}}));
}

TEST(ReadUsage, AShareIsTheWholeNumberThatItSays) {
    const UsageAnswer seen = read_usage(UsageShape::kimi, 200, R"({"usages":{"limit_5h":{"used_ratio":0.29}}})");
    ASSERT_EQ(seen.windows.size(), 1U);
    EXPECT_EQ(seen.windows.front().used_percent, 29);
    const UsageAnswer nearly = read_usage(UsageShape::kimi, 200, R"({"usages":{"limit_5h":{"used_ratio":0.996}}})");
    ASSERT_EQ(nearly.windows.size(), 1U);
    EXPECT_EQ(nearly.windows.front().used_percent, 99) << "something is left";
}

TEST(ReadUsage, ARefusedKeyWhereverItIsSaid) {
    const auto error = [](UsageShape shape, int status, std::string_view body) {
        return read_usage(shape, status, body).error.value_or("none");
    };
    EXPECT_EQ(error(UsageShape::zai, 200, R"({"code":401,"msg":"token expired or incorrect","success":false})"),
              "the key was refused (code 401)");
    EXPECT_EQ(error(UsageShape::zai, 200, R"({"code":1001,"msg":"…"})"), "the key was refused (code 1001)");
    EXPECT_EQ(error(UsageShape::minimax, 200, R"({"base_resp":{"status_code":1004,"status_msg":"FAKE-key"}})"),
              "the key was refused (code 1004: no such key, or no plan)");
    EXPECT_EQ(error(UsageShape::kimi, 401, ""), "the key was refused (HTTP 401)");
    EXPECT_EQ(error(UsageShape::zai, 200, R"({"code":500,"msg":"…"})"),
              "the provider answered with an error (code 500)");
    EXPECT_EQ(error(UsageShape::kimi, 302, ""), "its address leads elsewhere (HTTP 302), where no key is sent");
    EXPECT_EQ(error(UsageShape::kimi, 429, ""), "the provider was asked too often (HTTP 429)");
    EXPECT_EQ(error(UsageShape::kimi, 503, "<html>"), "the provider answered with an error (HTTP 503)");
}

TEST(ReadUsage, WhateverElseComes) {
    const std::string deep(60'000, '['), huge = "{\"usages\":\"" + std::string(max_usage_answer, 'a') + "\"}";
    const std::vector<std::pair<std::string_view, std::string_view>> bodies{
        {"", "the answer is empty"},
        {" \r\n", "the answer is empty"},
        {"<!doctype html><html>Sign in</html>", "a web page came in the place of an answer"},
        {huge, "the answer is far too long"},
        {deep, "the answer cannot be read: it is nested deeper than 32"},
        {"{\"usages\":{\"limit_5h\"", "the answer is no JSON"},
        {"{} {}", "the answer is no JSON"},
        {"\xff\xfe", "the answer is no JSON"},
    };
    const std::vector<std::string_view> shapeless{
        "{}",
        "[]",
        "null",
        "7",
        "\"\"",
        R"({"usages":[]})",
        R"({"usages":{"limit_5h":7}})",
        R"({"usages":{"limit_5h":{"used_ratio":-1}}})",
        R"({"usages":{"limit_5h":{"used_ratio":"NaN"}}})",
        R"({"data":{"limits":{"type":"TOKENS_LIMIT"}}})",
        R"({"data":{"limits":[null,7,{"type":"TOKENS_LIMIT","unit":9}]}})",
        R"({"model_remains":[[],{"model_name":7},{"model_name":"general"}]})"};
    for (const UsageShape shape : {UsageShape::zai, UsageShape::minimax, UsageShape::kimi}) {
        for (const auto& [body, error] : bodies)
            EXPECT_EQ(read_usage(shape, 200, body).error, error) << body.substr(0, 40);
        for (const std::string_view body : shapeless)
            EXPECT_EQ(read_usage(shape, 200, body).error, "the answer has another shape than this version knows")
                << body;
    }
}

TEST(ReadUsage, OddNumbersAreNoneOrBounded) {
    const auto used = [](std::string_view number) {
        const std::string body = "{\"usages\":{\"limit_5h\":{\"used_ratio\":" + std::string(number) + "}}}";
        const UsageAnswer seen = read_usage(UsageShape::kimi, 200, body);
        return seen.windows.empty() ? -1 : seen.windows.front().used_percent;
    };
    EXPECT_EQ(used("0"), 0);
    EXPECT_EQ(used("0.999"), 99);
    EXPECT_EQ(used("1"), 100);
    EXPECT_EQ(used("1e300"), 100);
    EXPECT_EQ(used("18446744073709551615"), 100);
    EXPECT_EQ(used("-0.1"), -1);
    EXPECT_EQ(used("null"), -1);
    EXPECT_EQ(used("\"1 or so\""), -1);
}

TEST(ReadUsage, AnAnswerOfTooManyMembersIsNotRead) {
    const std::string usages = R"("usages":{"limit_5h":{"used_ratio":0.4}})";
    EXPECT_EQ(read_usage(UsageShape::kimi, 200, test::many_members(9, usages)).windows.size(), 1U);
    const UsageAnswer seen = read_usage(UsageShape::kimi, 200, test::many_members(1001, usages));
    EXPECT_EQ(seen.windows.size(), 0U);
    EXPECT_EQ(seen.error, "the answer cannot be read: an object has more than 1000 members");
}

TEST(ReadUsage, APlansNameIsAShortWord) {
    const auto plan = [](const std::string& level) {
        return read_usage(UsageShape::zai, 200,
                          R"({"data":{"level":")" + level +
                              R"(","limits":[{"type":"TOKENS_LIMIT","unit":3,"number":5,"percentage":1}]}})")
            .plan;
    };
    EXPECT_EQ(plan("max"), "max");
    EXPECT_EQ(plan(""), std::nullopt);
    EXPECT_EQ(plan("\\u001b[31m"), std::nullopt);
    EXPECT_EQ(plan(std::string(33, 'a')), std::nullopt);
}

}  // namespace
}  // namespace capsule::broker
