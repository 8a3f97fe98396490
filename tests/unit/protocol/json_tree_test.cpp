#include "protocol/json_tree.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/json_rpc.hpp"
#include "tests/support/many_members.hpp"

namespace capsule {
namespace {

namespace json = boost::json;
using test::many_members;
using ::testing::HasSubstr;

std::string with_params(const std::string& params) {
    return R"({"jsonrpc":"2.0","id":1,"method":"status","params":)" + params + "}";
}

TEST(ParseLine, BoundsTheMembersOfAnObject) {
    EXPECT_TRUE(parse_line(with_params(many_members(1000))));
    for (const std::string& line :
         {with_params(many_members(1001)), with_params("{\"env\":" + many_members(1001) + "}"),
          "[" + with_params("[" + many_members(1001) + "]") + "]", many_members(1001)}) {
        const auto parsed = parse_line(line);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().code, ErrorCode::parse_error);
        EXPECT_THAT(parsed.error().message, HasSubstr("an object has more than 1000 members"));
    }
}

TEST(ParseAnswer, BoundsTheMembersOfAnObject) {
    const auto answer = [](int members) {
        return R"({"jsonrpc":"2.0","id":1,"result":)" + many_members(members) + "}";
    };
    EXPECT_TRUE(parse_answer(answer(2000))) << "what a request had, and more";
    EXPECT_THAT(parse_answer(answer(2001)).error().message, HasSubstr("more than 2000 members"));
}

TEST(ParseJson, ReadsAsBoostDoes) {
    for (const char* text : {R"({"a":1,"b":{"c":[1.5,-2,true,null]},"a":{"d":2,"d":3},"e\u0041":"\ud83d\ude00\n"})",
                             R"([[],{},"x",18446744073709551615])", " 1 ", R"("")"}) {
        const auto read = parse_json(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(json::serialize(*read), json::serialize(json::parse(text)));
    }
    EXPECT_TRUE(parse_json("{\"a\":1,} // x", {.comments = true}));
    EXPECT_FALSE(parse_json("{} /* x", {.comments = true}));
    for (const char* text : {"", "x", "{\"a\":1,}", "{} {}", "[1", "\"\xff\""})
        EXPECT_EQ(parse_json(text).error().code, ErrorCode::parse_error) << text;
}

TEST(WithoutComments, SeesThoseThatOpenCodeSees) {
    for (const auto& [text, bare] : std::initializer_list<std::pair<const char*, const char*>>{
             {"1//a\r2", "1   \r2"},
             {"1//a\n2", "1   \n2"},
             {"1 // a", "1     "},
             {"1/**/2/***/3", "1    2     3"},
             {"1/* a\n **/2/* */", "1         2     "},
             {"/*/1*/2", "      2"},
             {"\"//\"/*\"*/\"\\\"/**/\"", "\"//\"     \"\\\"/**/\""},
             {"\"\\\\\"//", "\"\\\\\"  "},
             {"1/2/ *", "1/2/ *"},
             {"1/* 2 /*", "1/* 2 /*"},
             {"/", "/"},
             {"\"\\", "\"\\"}})
        EXPECT_EQ(without_comments(text), bare);
}

TEST(ParseJson, BoundsTheMembersOfAnObject) {
    EXPECT_TRUE(parse_json("[" + many_members(1000) + "," + many_members(1000) + "]"));
    const auto read = parse_json("[" + many_members(1001) + "]");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::request_too_large);
    EXPECT_EQ(read.error().message, "an object has more than 1000 members");
    std::string twice = "{\"a\":1";
    for (int i = 0; i < 1000; ++i)
        twice += ",\"a\":1";
    EXPECT_FALSE(parse_json(twice + "}")) << "one name a thousand times is found a thousand times";
}

std::string many_values(std::size_t count, const std::string& value) {
    std::string list = "[" + value;
    for (std::size_t i = 1; i < count; ++i)
        list += "," + value;
    return list + "]";
}

TEST(ParseLine, BoundsTheValues) {
    constexpr std::size_t around = 5;  // the request, its three members that are none, and the list
    for (const std::string value : {"\"\"", "0", "1.5", "18446744073709551615", "null", "true", "[]", "{}"}) {
        EXPECT_TRUE(parse_line(with_params(many_values(max_values - around, value)))) << value;
        const auto parsed = parse_line(with_params(many_values(max_values - around + 1, value)));
        ASSERT_FALSE(parsed) << value;
        EXPECT_EQ(parsed.error().code, ErrorCode::parse_error);
        EXPECT_THAT(parsed.error().message, HasSubstr("more than 8192 values"));
    }
    const std::string broken_behind = with_params(many_values(2 * max_values, "[]")) + "}";
    EXPECT_THAT(parse_line(broken_behind).error().message, HasSubstr("more than 8192 values")) << "it is not read on";
    EXPECT_TRUE(parse_json(many_values(2 * max_values, "0"))) << "a file may have more";
    EXPECT_TRUE(parse_answer(R"({"jsonrpc":"2.0","id":1,"result":)" + many_values(2 * max_values, "0") + "}"));
}

TEST(ParseJson, BoundsNesting) {
    const std::string deep = std::string(33, '[') + std::string(33, ']');
    EXPECT_EQ(parse_json(deep).error().code, ErrorCode::request_too_large);
    EXPECT_TRUE(parse_json(deep, {.max_depth = 40}));
}

TEST(ParseJson, EndsWhenItIsTooLate) {
    EXPECT_EQ(parse_json("[{}]", {.is_too_late = []() noexcept { return true; }}).error().code,
              ErrorCode::request_too_large);
    EXPECT_TRUE(parse_json("[{}]", {.is_too_late = []() noexcept { return false; }}));
}

}  // namespace
}  // namespace capsule
