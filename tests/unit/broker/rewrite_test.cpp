#include "daemon/broker/core/rewrite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsule::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view key = "FAKE-key-0123456789";
const BaseUrl base = parse_base_url("https://api.z.ai/api/anthropic").value();

std::string rewritten(const std::string& fields) {
    const std::string text =
        "POST /api/anthropic/v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:4587\r\n" + fields + "\r\n";
    const RequestHead head = read_request_head(text).value();
    return request_for_provider(head, credentials_of(head).front(), key, base);
}

TEST(RequestForProvider, PutsTheKeyWhereTheTokenStood) {
    EXPECT_THAT(rewritten("Authorization: Bearer cst_T\r\n"),
                HasSubstr("\r\nAuthorization: Bearer FAKE-key-0123456789\r\n"));
    EXPECT_THAT(rewritten("x-api-key: cst_T\r\n"), HasSubstr("\r\nx-api-key: FAKE-key-0123456789\r\n"));
    EXPECT_THAT(rewritten("authorization: bearer cst_T\r\n"),
                HasSubstr("\r\nauthorization: Bearer FAKE-key-0123456789\r\n"));
}

TEST(RequestForProvider, DropsEveryOtherCredential) {
    const std::string out = rewritten(
        "Authorization: Bearer cst_T\r\nX-Api-Key: another\r\nCookie: a=b\r\nProxy-Authorization: Basic x\r\napi-key: "
        "y\r\n");
    EXPECT_EQ(out.find("cst_T"), std::string::npos);
    for (const std::string_view name : {"X-Api-Key", "Cookie", "Proxy-", "api-key"})
        EXPECT_THAT(out, Not(HasSubstr(name)));
    EXPECT_THAT(out, HasSubstr("Bearer FAKE-key"));
}

TEST(RequestForProvider, LeavesTheTokenNowhere) {
    EXPECT_THAT(rewritten("x-api-key: cst_T\r\nX-Note: see cst_T\r\n"), Not(HasSubstr("cst_T")));
}

TEST(RequestForProvider, DropsWhatConcernsThisConnection) {
    const std::string out = rewritten(
        "x-api-key: cst_T\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
        "Expect: 100-continue\r\nForwarded: for=x\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-host: h\r\nUpgrade: "
        "h2c\r\n");
    for (const std::string_view name :
         {"Connection", "X-Private", "Keep-Alive", "TE:", "Expect", "orwarded", "Upgrade"})
        EXPECT_THAT(out, Not(HasSubstr(name))) << name;
}

TEST(RequestForProvider, DropsWhatWouldMakeItAnotherRequest) {
    for (const std::string name :
         {"X-Original-URL", "X-Rewrite-URL",     "X-HTTP-Method", "X-HTTP-Host-Override",  "X-Override-URL",
          "X-Proxy-URL",    "Destination",       "Client-IP",     "CF-Connecting-IPv6",    "X-HTTP-Method-Override",
          "X-Method",       "X-Method-Override", "X-Host",        "X-Envoy-Original-Path", "X-Envoy-Original-Dst-Host",
          "X-Forwarded",    "X-Real-IP",         "Via",           "x_original_url",        "Transfer_Encoding",
          "X_Api_Key",      "X_Forwarded_For"})
        EXPECT_THAT(rewritten("x-api-key: cst_T\r\n" + name + ": /admin\r\n"), Not(HasSubstr(name))) << name;
    EXPECT_THAT(rewritten("x-api-key: cst_T\r\nsession_id: 1\r\n"), HasSubstr("\r\nsession_id: 1\r\n")) << "Codex's";
}

TEST(RequestForProvider, PassesAllElseAsItCame) {
    const std::string out = rewritten(
        "x-api-key: cst_T\r\nUser-Agent: claude-cli/2.1.197 (external)\r\nanthropic-version: 2023-06-01\r\n"
        "ANTHROPIC-Beta: a,b\r\nAccept-Encoding: gzip, br\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n");
    EXPECT_TRUE(out.starts_with("POST /api/anthropic/v1/messages?beta=true HTTP/1.1\r\nHost: api.z.ai\r\n")) << out;
    for (const std::string_view line :
         {"User-Agent: claude-cli/2.1.197 (external)\r\n", "anthropic-version: 2023-06-01\r\n",
          "ANTHROPIC-Beta: a,b\r\n", "Content-Encoding: gzip\r\n", "Content-Length: 5\r\n"})
        EXPECT_THAT(out, HasSubstr(line));
    EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST(RequestForProvider, AsksForWhatItCanLookInto) {
    const std::string out = rewritten("x-api-key: cst_T\r\nAccept-Encoding: gzip, br\r\n");
    EXPECT_THAT(out, HasSubstr("\r\nAccept-Encoding: identity\r\n"));
    EXPECT_THAT(out, Not(HasSubstr("gzip")));
    EXPECT_THAT(rewritten("x-api-key: cst_T\r\n"), Not(HasSubstr("Accept-Encoding")));
    for (const std::string_view other : {"Accept-Charset: utf-16", "Range: bytes=0-9"})
        EXPECT_THAT(rewritten("x-api-key: cst_T\r\n" + std::string(other) + "\r\n"), Not(HasSubstr(other)));
}

TEST(RequestForProvider, SaysTheBodysLengthOnce) {
    EXPECT_THAT(rewritten("x-api-key: t\r\nTransfer-Encoding: chunked\r\n"),
                HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(rewritten("x-api-key: t\r\nContent-Length: 0\r\n"), HasSubstr("Content-Length: 0\r\n"));
    EXPECT_THAT(rewritten("x-api-key: t\r\nContent-Length: 7\r\nConnection: content-length\r\n"),
                HasSubstr("Content-Length: 7\r\n"));
}

std::string answered(const std::string& text, bool close = false) {
    const ResponseHead head = read_response_head(text, "POST").value();
    return response_for_agent(head, close, key);
}

TEST(ResponseForAgent, DropsWhatWouldBindTheAgentToTheProvider) {
    const std::string out = answered(
        "HTTP/1.1 307 Temporary Redirect\r\nSet-Cookie: a=b\r\nAlt-Svc: h3=\":443\"\r\nConnection: close, "
        "X-Hop\r\nX-Hop: 1\r\n"
        "Keep-Alive: timeout=5\r\nLocation: https://elsewhere/\r\nrequest-id: r\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(out.starts_with("HTTP/1.1 307 Temporary Redirect\r\n"));
    for (const std::string_view name : {"Set-Cookie", "Alt-Svc", "X-Hop", "Keep-Alive", "Connection"})
        EXPECT_THAT(out, Not(HasSubstr(name))) << name;
    EXPECT_THAT(out, HasSubstr("Location: https://elsewhere/\r\n"));
    EXPECT_THAT(out, HasSubstr("request-id: r\r\n"));
    EXPECT_THAT(out, HasSubstr("Content-Length: 0\r\n"));
}

TEST(ResponseForAgent, MasksTheKey) {
    const std::string out =
        answered("HTTP/1.1 401 No\r\nX-Why: FAKE-key-0123456789 is wrong\r\nContent-Length: 0\r\n\r\n", true);
    EXPECT_THAT(out, HasSubstr("X-Why: ******************* is wrong\r\n"));
    EXPECT_THAT(out, HasSubstr("Connection: close\r\n"));
}

}  // namespace
}  // namespace capsule::broker
