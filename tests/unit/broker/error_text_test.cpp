#include "daemon/broker/core/error_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace capsule::broker {
namespace {

using testing::HasSubstr;

const Refusal ended{401, "capsule_session_ended", "the session has ended: start the agent again", 0};

TEST(ErrorBody, HasAnthropicsShape) {
    const auto body = boost::json::parse(error_body(Surface::anthropic_messages, ended));
    EXPECT_EQ(body.at("type").as_string(), "error");
    EXPECT_EQ(body.at("error").at("type").as_string(), "authentication_error");
    EXPECT_EQ(body.at("error").at("code").as_string(), "capsule_session_ended");
    EXPECT_EQ(body.at("error").at("message").as_string(),
              "the session has ended: start the agent again (capsule_session_ended)");
}

TEST(ErrorBody, HasOpenAisShape) {
    for (const Surface surface : {Surface::openai_responses, Surface::openai_chat}) {
        const auto body = boost::json::parse(error_body(surface, ended));
        EXPECT_EQ(body.at("error").at("code").as_string(), "capsule_session_ended");
        EXPECT_EQ(body.at("error").at("type").as_string(), "authentication_error");
        EXPECT_TRUE(body.at("error").at("param").is_null());
        EXPECT_THAT(std::string(body.at("error").at("message").as_string()), HasSubstr("start the agent again"));
    }
}

TEST(ErrorAnswer, EndsTheConnectionAndSaysWhenToTryAgain) {
    const std::string busy = error_answer(Surface::openai_chat, {429, "capsule_busy", "too many at once: wait", 2});
    EXPECT_TRUE(busy.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    EXPECT_THAT(busy, HasSubstr("\r\nRetry-After: 2\r\n"));
    EXPECT_THAT(busy, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_TRUE(error_answer(Surface::openai_chat, ended, true).ends_with("\r\n\r\n"));
}

TEST(SurfaceOf, IsReadOffTheRequest) {
    EXPECT_EQ(surface_of({.method = "POST", .target = "/v1/responses?x", .fields = {}, .body = {}}),
              Surface::openai_responses);
    EXPECT_EQ(surface_of({.method = "POST", .target = "/v1/chat/completions", .fields = {}, .body = {}}),
              Surface::openai_chat);
    EXPECT_EQ(surface_of({.method = "POST", .target = "/v1/messages", .fields = {}, .body = {}}),
              Surface::anthropic_messages);
    for (const Surface surface : {Surface::anthropic_messages, Surface::openai_responses, Surface::openai_chat})
        EXPECT_EQ(surface_named(name_of(surface)), surface);
    EXPECT_EQ(surface_named("grpc"), std::nullopt);
}

}  // namespace
}  // namespace capsule::broker
