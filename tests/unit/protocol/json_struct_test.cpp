#include "protocol/json_struct.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/messages.hpp"

namespace capsule {
namespace {

using testing::AllOf;
using testing::HasSubstr;

template <class T>
Error refusal(std::string_view json) {
    T out;
    const auto done = from_json(out, boost::json::parse({json.data(), json.size()}), "params", Unknown::refuse);
    EXPECT_FALSE(done) << json;
    return done ? Error{} : done.error();
}

TEST(FromJson, ReadsParamsWithOptionalMembersLeftOut) {
    SpawnParams params;
    ASSERT_TRUE(from_json(params, boost::json::parse(R"({"agent":"claude","env":{"TERM":"xterm"},"role":"r"})"),
                          "params", Unknown::refuse));
    EXPECT_EQ(params.agent, "claude");
    EXPECT_EQ(params.env, (std::map<std::string, std::string>{{"TERM", "xterm"}}));
    EXPECT_EQ(params.role, "r");
    EXPECT_EQ(params.provider, std::nullopt);
}

TEST(FromJson, NamesEachFaultWithItsPath) {
    EXPECT_THAT(refusal<SpawnParams>("{}").message, AllOf(HasSubstr("params"), HasSubstr("\"agent\" is missing")));
    EXPECT_THAT(refusal<SpawnParams>(R"({"agent":1})").message,
                HasSubstr("params.agent: expected a string, got a number"));
    EXPECT_THAT(refusal<SpawnParams>(R"({"agent":"a","env":{"X":true}})").message, HasSubstr("params.env.X"));
    EXPECT_THAT(refusal<AuthSetParams>(R"({"provider":"zai","value":"v","scope":{"workspace":null}})").message,
                HasSubstr("params.scope.workspace: expected a string, got null"));
    EXPECT_THAT(refusal<NoParams>("[1]").message, HasSubstr("expected an object, got an array"));
}

TEST(FromJson, NamesTheAgentsWhereAnAgentIsMissingOrNoName) {
    for (const std::string_view json : {"{}", R"({"agent":1})", R"({"agent":null})"})
        EXPECT_EQ(refusal<SpawnParams>(json).hint, "The agents are claude, codex, opencode.") << json;
    EXPECT_THAT(refusal<SpawnParams>(R"({"agent":"claude","env":{"agent":1}})").hint, HasSubstr("rpc.discover"));
}

TEST(FromJson, NamesAnUnknownMemberAndTheNearestKnownOne) {
    const Error error = refusal<SpawnParams>(R"({"agnet":"claude"})");
    EXPECT_EQ(error.code, ErrorCode::invalid_params);
    EXPECT_THAT(error.message, HasSubstr("\"agnet\""));
    EXPECT_THAT(error.hint, HasSubstr("\"agent\""));
    EXPECT_THAT(refusal<NoParams>(R"({"x":1})").message, HasSubstr("\"x\""));
}

TEST(FromJson, IgnoresWhatANewerDaemonAdds) {
    ConfigStatus status;
    ASSERT_TRUE(from_json(status, boost::json::parse(R"({"path":null,"loaded_at":"t","ok":true,"error":null,"new":1})"),
                          "result", Unknown::ignore));
    EXPECT_EQ(status.path, std::nullopt);
    EXPECT_EQ(status.loaded_at, "t");
}

TEST(ToJson, WritesEveryMemberUnderItsNameOnTheWire) {
    ProvidersListResult result;
    result.agent = "claude";
    EXPECT_EQ(boost::json::serialize(to_json(result)),
              R"({"agent":"claude","choices":[],"default":null,"unavailable":[],"default_from":null})");
}

TEST(WriteJson, WritesWhatToJsonGives) {
    const auto text_of = [](const auto& in) {
        std::string out;
        write_json(out, in);
        return out;
    };
    std::string every_character;
    for (int c = 0; c < 0x80; ++c)
        every_character += static_cast<char>(c);
    SpawnResult spawn;
    spawn.env = {{"PATH", "/usr/bin"}, {"ODD", every_character + "\u00e9\U0001F600"}, {"", ""}};
    spawn.argv = {"claude", "", "[", "{"};
    spawn.unset = {"A"};
    spawn.files = {{"/h/f", "created"}, {"/h/g", "unchanged"}};
    spawn.because = {"flag", "\"quoted\" \\ back"};
    EXPECT_EQ(text_of(spawn), boost::json::serialize(to_json(spawn)));
    StatusResult status;
    status.pid = -1;
    status.uptime_s = 2.5;
    status.requests = {18446744073709551615ULL, 3};
    EXPECT_EQ(text_of(status), boost::json::serialize(to_json(status)));
    EXPECT_EQ(text_of(boost::json::value{{"a", {1, nullptr}}}), R"({"a":[1,null]})");
}

TEST(ToJson, ComesBackTheSame) {
    StatusResult status;
    status.version = "1.2.3";
    status.pid = 4711;
    status.uptime_s = 2.5;
    status.providers = {{"zai", "Z.AI", {"present", "environment", "…0001"}, {{"claude", "ready"}}}};
    status.requests = {18446744073709551ULL, 3};
    const auto json = to_json(status);
    StatusResult back;
    ASSERT_TRUE(from_json(back, json, "result", Unknown::ignore));
    EXPECT_EQ(to_json(back), json);
}

}  // namespace
}  // namespace capsule
