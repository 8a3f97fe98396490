#include "protocol/json_rpc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

namespace capsule {
namespace {

using testing::HasSubstr;

Request only_request(std::string_view line) {
    const auto parsed = parse_line(line);
    EXPECT_TRUE(parsed) << line;
    if (!parsed || parsed->items.size() != 1 || !std::holds_alternative<Request>(parsed->items[0])) {
        ADD_FAILURE() << "not one request: " << line;
        return {};
    }
    return std::get<Request>(parsed->items[0]);
}

NotARequest only_refusal(std::string_view line) {
    const auto parsed = parse_line(line);
    EXPECT_TRUE(parsed) << line;
    if (!parsed || parsed->items.size() != 1 || !std::holds_alternative<NotARequest>(parsed->items[0])) {
        ADD_FAILURE() << "not one refusal: " << line;
        return {};
    }
    return std::get<NotARequest>(parsed->items[0]);
}

Error refused_line(std::string_view line) {
    const auto parsed = parse_line(line);
    EXPECT_FALSE(parsed) << line;
    return parsed ? Error{} : parsed.error();
}

std::string with_id(std::string_view id) {
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"method":"status"})";
}

std::string nested(std::size_t depth) {
    return R"({"jsonrpc":"2.0","id":1,"method":"status","params":)" + std::string(depth - 1, '[') +
           std::string(depth - 1, ']') + "}";
}

TEST(ParseLine, ReadsARequest) {
    const auto parsed = parse_line(R"({"jsonrpc":"2.0","id":"a","method":"spawn","params":{"agent":"claude"}})");
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->batch);
    const auto& request = std::get<Request>(parsed->items.at(0));
    EXPECT_EQ(request.id, RequestId{"\"a\""});
    EXPECT_EQ(request.method, "spawn");
    EXPECT_EQ(boost::json::serialize(request.params), R"({"agent":"claude"})");
}

TEST(ParseLine, KeepsEveryIdsValue) {
    for (const std::string id :
         {"1", "-7", "0", "1.5", "1e2", "-0", "18446744073709551615", "18446744073709551616",
          "123456789012345678901234567890", "0.1000000000000000055511151231257827", "null", "\"\"", "\"x y\""})
        EXPECT_EQ(only_request(with_id(id)).id, RequestId{id});
    EXPECT_EQ(only_request(with_id("\"\\u00e9\\n\\\"\"")).id, RequestId{"\"é\\n\\\"\""});
}

TEST(ParseLine, FindsTheIdWhereverItStandsAndNoOther) {
    EXPECT_EQ(only_request(R"({"params":{"id":9,"a":{"id":8}},"id":7,"method":"m","jsonrpc":"2.0"})").id,
              RequestId{"7"});
    EXPECT_EQ(only_request(R"({"params":[{"id":9}],"method":"m","jsonrpc":"2.0"})").id, std::nullopt);
}

TEST(ParseLine, WithoutAnIdIsANotification) {
    EXPECT_EQ(only_request(R"({"jsonrpc":"2.0","method":"reload"})").id, std::nullopt);
    EXPECT_EQ(only_request(with_id("null")).id, RequestId{"null"}) << "null is an id";
}

TEST(ParseLine, MakesAbsentAndEmptyPositionalParamsAnEmptyObject) {
    for (const std::string params : {"", R"(,"params":[])", R"(,"params":{})"})
        EXPECT_EQ(only_request(R"({"jsonrpc":"2.0","id":1,"method":"m")" + params + "}").params,
                  boost::json::value(boost::json::object_kind))
            << params;
    EXPECT_TRUE(only_request(R"({"jsonrpc":"2.0","id":1,"method":"m","params":[1]})").params.is_array());
}

TEST(ParseLine, ReadsABatchAndJudgesEachMemberAlone) {
    const auto parsed = parse_line(
        R"([{"jsonrpc":"2.0","id":1,"method":"a"}, 5, {"jsonrpc":"2.0","id":3.0}, {"jsonrpc":"2.0","method":"b"}, []])");
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->batch);
    ASSERT_EQ(parsed->items.size(), 5U);
    EXPECT_EQ(std::get<Request>(parsed->items[0]).id, RequestId{"1"});
    EXPECT_EQ(std::get<NotARequest>(parsed->items[1]).id, RequestId{});
    EXPECT_EQ(std::get<NotARequest>(parsed->items[2]).id, RequestId{"3.0"});
    EXPECT_EQ(std::get<Request>(parsed->items[3]).id, std::nullopt);
    EXPECT_EQ(std::get<NotARequest>(parsed->items[4]).error.code, ErrorCode::invalid_request);
}

TEST(ParseLine, BoundsABatch) {
    const auto batch_of = [](std::size_t count) {
        std::string text = "[";
        for (std::size_t i = 0; i < count; ++i)
            text += (i == 0 ? "" : ",") + with_id(std::to_string(i));
        return text + "]";
    };
    EXPECT_EQ(parse_line(batch_of(64))->items.size(), 64U);
    EXPECT_EQ(refused_line(batch_of(65)).code, ErrorCode::invalid_request);
    EXPECT_THAT(refused_line(batch_of(65)).message, HasSubstr("65"));
    EXPECT_EQ(refused_line("[]").code, ErrorCode::invalid_request);
}

TEST(ParseLine, RefusesWhatIsNotJson) {
    for (const std::string_view line :
         {"", "x", "{", "{\"a\":}", "[1,]", "{\"a\":1,}", "// c\n1", "{\"a\":1} {\"b\":2}", "{\"a\":1}x", "{'a':1}",
          "{\"a\":01}", "{\"a\":+1}", "{\"a\":NaN}", "\"\t\"", "{\"a\":\"\\ud800\"}", "[1", "nul"}) {
        const Error error = refused_line(line);
        EXPECT_EQ(error.code, ErrorCode::parse_error) << line;
        EXPECT_FALSE(error.hint.empty()) << line;
    }
}

TEST(ParseLine, RefusesWhatIsNotUtf8) {
    for (const std::string_view bytes : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
        EXPECT_EQ(refused_line("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + std::string(bytes) + "\"}").code,
                  ErrorCode::parse_error);
}

TEST(ParseLine, BoundsNesting) {
    EXPECT_EQ(only_request(nested(32)).method, "status");
    const Error error = refused_line(nested(33));
    EXPECT_EQ(error.code, ErrorCode::parse_error);
    EXPECT_THAT(error.message, HasSubstr("nested deeper than 32"));
    EXPECT_EQ(refused_line(std::string(100'000, '[')).code, ErrorCode::parse_error);
}

TEST(ParseLine, RefusesDuplicateMembersAtEveryDepthAndNamesThem) {
    const NotARequest refusal = only_refusal(R"({"jsonrpc":"2.0","id":4,"method":"a","method":"b"})");
    EXPECT_EQ(refusal.error.code, ErrorCode::invalid_request);
    EXPECT_THAT(refusal.error.message, HasSubstr("\"method\""));
    EXPECT_EQ(refusal.id, RequestId{"4"});
    EXPECT_THAT(
        only_refusal(R"({"jsonrpc":"2.0","id":4,"method":"a","params":{"env":{"A":"1","\u0041":"2"}}})").error.message,
        HasSubstr("\"A\""));
    EXPECT_THAT(only_refusal(R"({"jsonrpc":"2.0","id":4,"method":"a","params":[{"x":[{"y":1,"y":1}]}]})").error.message,
                HasSubstr("\"y\""));
}

TEST(ParseLine, TakesNoIdOfTwo) {
    EXPECT_EQ(only_refusal(R"({"jsonrpc":"2.0","id":1,"id":2,"method":"a"})").id, RequestId{"null"});
}

TEST(ParseLine, RefusesADuplicateInABatchForThatMemberAlone) {
    const auto parsed =
        parse_line(R"([{"jsonrpc":"2.0","id":1,"id":2,"method":"a"},{"jsonrpc":"2.0","id":3,"method":"b"}])");
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(std::holds_alternative<NotARequest>(parsed->items.at(0)));
    EXPECT_TRUE(std::holds_alternative<Request>(parsed->items.at(1)));
}

struct Malformed {
    std::string_view line;
    std::string_view id;
    std::string_view says;
};

class MalformedRequest : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedRequest, IsRefusedWithItsIdWhereThatCanBeRead) {
    const NotARequest refusal = only_refusal(GetParam().line);
    EXPECT_EQ(refusal.error.code, ErrorCode::invalid_request);
    EXPECT_EQ(refusal.id.json, GetParam().id);
    EXPECT_THAT(refusal.error.message + " / " + refusal.error.hint, HasSubstr(std::string(GetParam().says)));
    EXPECT_FALSE(refusal.error.hint.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Each, MalformedRequest,
    testing::Values(Malformed{"1", "null", "JSON object"}, Malformed{"\"x\"", "null", "JSON object"},
                    Malformed{"null", "null", "JSON object"}, Malformed{"{}", "null", "\"jsonrpc\" is missing"},
                    Malformed{R"({"id":1,"method":"a"})", "1", "\"jsonrpc\" is missing"},
                    Malformed{R"({"jsonrpc":"1.0","id":1,"method":"a"})", "1", "not \"2.0\""},
                    Malformed{R"({"jsonrpc":2.0,"id":1,"method":"a"})", "1", "not \"2.0\""},
                    Malformed{R"({"jsonrpc":"2.0","id":1})", "1", "\"method\" is missing"},
                    Malformed{R"({"jsonrpc":"2.0","id":"k","method":1})", "\"k\"", "\"method\" is not a string"},
                    Malformed{R"({"jsonrpc":"2.0","id":{},"method":"a"})", "null", "\"id\""},
                    Malformed{R"({"jsonrpc":"2.0","id":[1],"method":"a"})", "null", "\"id\""},
                    Malformed{R"({"jsonrpc":"2.0","id":true,"method":"a"})", "null", "\"id\""},
                    Malformed{R"({"jsonrpc":"2.0","id":1,"method":"a","params":null})", "1", "\"params\""},
                    Malformed{R"({"jsonrpc":"2.0","id":1,"method":"a","params":"x"})", "1", "\"params\""},
                    Malformed{R"({"jsonrpc":"2.0","id":1,"method":"a","parms":{}})", "1", "did you mean \"params\"?"},
                    Malformed{R"({"jsonrpc":"2.0","id":1,"method":"a","extra":{}})", "1", "unknown member \"extra\""}));

TEST(ParseLine, CutsALongMemberNameBetweenCharacters) {
    std::string name;
    for (int i = 0; i < 100; ++i)
        name += "é";
    const NotARequest refusal = only_refusal(R"({"jsonrpc":"2.0","id":1,"method":"a","x)" + name + R"(":1})");
    EXPECT_LT(refusal.error.message.size(), 120U);
    EXPECT_TRUE(parse_answer(error_answer(refusal.id, refusal.error))) << "still UTF-8";
}

TEST(SuccessAnswer, CarriesIdAndResultAsTheyAre) {
    EXPECT_EQ(success_answer({"18446744073709551615"}, R"({"a":1})"),
              R"({"jsonrpc":"2.0","id":18446744073709551615,"result":{"a":1}})");
}

TEST(ErrorAnswer, CarriesDataForOurOwnErrors) {
    const auto answer = boost::json::parse(error_answer({"7"}, {ErrorCode::cell_blocked, "no \"way\"\n", "do this"}));
    EXPECT_EQ(answer.at("error"), boost::json::parse(R"({"code":-32004,"message":"no \"way\"\n",
                                                      "data":{"code":"cell.blocked","hint":"do this"}})"));
}

TEST(ErrorAnswer, CarriesDataForStandardErrorsOnlyWithAHint) {
    EXPECT_EQ(error_answer({}, {ErrorCode::parse_error, "m", ""}),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}})");
    EXPECT_EQ(error_answer({}, {ErrorCode::invalid_params, "m", "h"}),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"m",)"
              R"("data":{"code":"invalid_params","hint":"h"}}})");
}

TEST(Answers, AreOneLineEach) {
    EXPECT_EQ(error_answer({}, {ErrorCode::io_error, "a\nb\r", "c\n"}).find_first_of("\r\n"), std::string::npos);
}

TEST(RequestText, CanBeReadBack) {
    const Request request = only_request(request_text("12", "spawn", R"({"agent":"co\"dex"})"));
    EXPECT_EQ(request.id, RequestId{"12"});
    EXPECT_EQ(request.method, "spawn");
    EXPECT_EQ(request.params.at("agent").as_string(), "co\"dex");
}

TEST(ParseAnswer, ReadsAResult) {
    const auto answer = parse_answer(success_answer({"5"}, "[1,2]"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->id, "5");
    EXPECT_EQ(*answer->outcome, (boost::json::array{1, 2}));
}

TEST(ParseAnswer, ReadsEveryErrorAsItWas) {
    for (int i = 0; i <= static_cast<int>(last_error_code); ++i) {
        const Error error{static_cast<ErrorCode>(i), "what", "to do"};
        const auto answer = parse_answer(error_answer({"1"}, error));
        ASSERT_TRUE(answer);
        ASSERT_FALSE(answer->outcome);
        EXPECT_EQ(answer->outcome.error(), error);
    }
}

TEST(ParseAnswer, UnderstandsErrorsWithoutDataAndOfNewerDaemons) {
    EXPECT_EQ(parse_answer(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"m"}})")->outcome.error().code,
              ErrorCode::key_absent);
    EXPECT_EQ(parse_answer(R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{"code":"new.one"}}})")
                  ->outcome.error(),
              (Error{ErrorCode::internal_error, "m", ""}));
}

TEST(ParseAnswer, RefusesWhatIsNoAnswer) {
    for (const std::string_view line :
         {"", "x", "1", "[]", "{}", R"({"jsonrpc":"2.0","id":1})", R"({"jsonrpc":"2.0","result":1})",
          R"({"jsonrpc":"2.0","id":1,"result":1,"error":{}})", R"({"jsonrpc":"2.0","id":1,"error":1})",
          R"({"id":1,"result":1})"})
        EXPECT_EQ(parse_answer(line).error().code, ErrorCode::parse_error) << line;
}

TEST(Answers, WhatQuotesAFilesNameIsJson) {
    const std::string error = error_answer({"1"}, Error{ErrorCode::io_error, "cannot read /x\xff", "see /x\xff"});
    EXPECT_TRUE(parse_answer(error)) << error;
    EXPECT_NE(error.find(R"(/x\\xff)"), error.npos) << error;
    EXPECT_TRUE(parse_line(notification_text("session.ended", "{\"label\":\"x\xff\"}")));
}

}  // namespace
}  // namespace capsule
