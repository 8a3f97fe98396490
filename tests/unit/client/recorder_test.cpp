// The stand-in for every provider answers as a provider does where an agent depends on it.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "client/recorder/reply.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

struct Surface {
    const char* path;
    const char* conversation;  ///< the member that holds it
    const char* id;            ///< of the answer's call, as a JSON pointer
};

Reply reply(const Surface& surface, const std::string& messages) {
    RecordedRequest request;
    request.method = "POST";
    request.target = surface.path;
    request.body =
        R"({"model": "m", "tools": [{"name": "Bash", "type": "function", "function": {"name": "Bash"}}], ")" +
        std::string(surface.conversation) + "\": [" + messages + "]}";
    return reply_to(request);
}

class Recorder : public testing::TestWithParam<Surface> {};

/// An agent that sees an id again takes the second call for the first.
TEST_P(Recorder, GivesEachCallOfAToolAnIdOfItsOwn) {
    const std::string prompt = R"({"role": "user", "content": "[[fill 10 true]]"})";
    const std::string result = R"(, {"role": "tool", "type": "function_call_output", "content": "x", "output": "x"})";
    const auto id = [&](const std::string& messages) {
        const json::value body = json::parse(reply(GetParam(), messages).body);
        return std::string(body.at_pointer(GetParam().id).as_string());
    };
    EXPECT_NE(id(prompt), id(prompt + result));
    EXPECT_EQ(id(prompt), id(prompt)) << "a request that is sent again gets the same answer";
}

/// Codex knows no tool of that name outside of its namespace.
TEST(RecorderOfResponses, CallsAToolInItsNamespace) {
    RecordedRequest request;
    request.method = "POST";
    request.target = "/v1/responses";
    request.body =
        R"({"model": "m", "input": "[[call spawn_agent {}]]", "tools": [{"type": "namespace", "name": "agents",
        "tools": [{"type": "function", "name": "spawn_agent"}]}]})";
    const json::value call = json::parse(reply_to(request).body).at_pointer("/output/0");
    EXPECT_EQ(call.at("name"), "spawn_agent");
    EXPECT_EQ(call.at("namespace"), "agents");
}

INSTANTIATE_TEST_SUITE_P(Surfaces, Recorder,
                         testing::Values(Surface{"/v1/messages", "messages", "/content/0/id"},
                                         Surface{"/v1/chat/completions", "messages",
                                                 "/choices/0/message/tool_calls/0/id"},
                                         Surface{"/v1/responses", "input", "/output/0/call_id"}));

}  // namespace
}  // namespace capsule
