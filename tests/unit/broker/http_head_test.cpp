#include "daemon/broker/core/http_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace capsule::broker {
namespace {

constexpr std::string_view start = "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:4587\r\n";

int status_of(std::string_view head) {
    const auto read = read_request_head(head);
    return read ? 200 : read.error().status;
}

TEST(HeadSize, EndsAtTheEmptyLine) {
    EXPECT_EQ(head_size("GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), 24U);
    EXPECT_EQ(head_size("GET / HTTP/1.1\r\nA: b\r\n\r"), std::nullopt);
    EXPECT_EQ(head_size("GET / HTTP/1.1\nA: b\n\nbody"), 21U);
    EXPECT_EQ(head_size("\r\nGET / HTTP/1.1\r\n\r\n"), 2U);
}

TEST(HeadSize, FindsTheEndWhereverItStands) {
    for (std::size_t before = 1; before < 70; ++before)
        for (std::size_t after = 0; after < 40; ++after)
            for (const std::string_view end : {"\r\n\r\n", "\n\n", "\n\r\n"}) {
                const std::string head = std::string(before, 'a').append(end);
                EXPECT_EQ(head_size(head + std::string(after, '\n')), head.size());
                EXPECT_EQ(head_size(head.substr(0, head.size() - 1)), std::nullopt);
            }
}

TEST(RequestHead, RefusesAControlCharacterWhereverItStands) {
    for (std::size_t place = 0; place < 40; ++place)
        for (const char c : {'\0', '\x01', '\x1f', '\x7f', '\r', '\n'}) {
            std::string value(41, 'v');
            value[place] = '\t';
            EXPECT_EQ(status_of(std::string(start) + "A: v" + value + "\r\n\r\n"), 200) << place;
            value[place] = c;
            EXPECT_EQ(status_of(std::string(start) + "A: v" + value + "\r\n\r\n"), 400) << place << ' ' << int{c};
        }
}

TEST(HeadSize, IsTheSameHoweverTheBytesCome) {
    for (const std::string_view bytes :
         {"GET / HTTP/1.1\r\nA: b\r\n\r\nbody", "GET / HTTP/1.1\nA: b\n\nbody", "GET / HTTP/1.1\nA: b\n\r\nbody"}) {
        std::optional<std::size_t> size;
        for (std::size_t seen = 0; !size && seen < bytes.size(); ++seen)
            size = head_size(bytes.substr(0, seen + 1), seen);
        EXPECT_EQ(size, head_size(bytes)) << bytes;
    }
}

TEST(HeadSize, DoesNotLookAgainAtWhatWasSeen) {
    std::string bytes = "GET / HTTP/1.1\r\n\r\nA: b\r\n";
    EXPECT_EQ(head_size(bytes, bytes.size() - 1), std::nullopt) << "the empty line is far behind";
}

TEST(RequestHead, ReadsWhatAgentsSend) {
    const std::string text = std::string(start) + "Content-Length: 12\r\nX-Api-Key: t\r\nExpect: 100-continue\r\n\r\n";
    const auto head = read_request_head(text);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->method, "POST");
    EXPECT_EQ(head->target, "/v1/messages");
    EXPECT_EQ(field(head->fields, "x-api-key"), "t");
    EXPECT_EQ(head->body.kind, BodyLength::Kind::length);
    EXPECT_EQ(head->body.bytes, 12U);
    EXPECT_TRUE(head->expects_continue);
    EXPECT_EQ(read_request_head(std::string(start) + "Transfer-Encoding: chunked\r\n\r\n")->body.kind,
              BodyLength::Kind::chunked);
    EXPECT_EQ(read_request_head(std::string(start) + "\r\n")->body.kind, BodyLength::Kind::none);
}

TEST(RequestHead, RefusesWhatTwoServersCouldReadDifferently) {
    for (const std::string_view rest : {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
                                        "Content-Length: 1, 1\r\n\r\n",
                                        "Content-Length: +1\r\n\r\n",
                                        "Content-Length: -1\r\n\r\n",
                                        "Content-Length: 0x1\r\n\r\n",
                                        "Content-Length:\r\n\r\n",
                                        "Content-Length: 99999999999999999999\r\n\r\n",
                                        "Transfer-Encoding: gzip, chunked\r\n\r\n",
                                        "Transfer-Encoding: identity\r\n\r\n",
                                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "Transfer-Encoding : chunked\r\n\r\n",
                                        "Transfer-Encoding:\x0b"
                                        "chunked\r\n\r\n",
                                        "A: b\r\n c\r\n\r\n",
                                        " A: b\r\n\r\n",
                                        "A : b\r\n\r\n",
                                        "A\t: b\r\n\r\n",
                                        "A\r\n\r\n",
                                        ": b\r\n\r\n",
                                        "A: b\n\r\n",
                                        "A: b\rc: d\r\n\r\n",
                                        "Host: other\r\n\r\n",
                                        "Trailer: x\r\n\r\n",
                                        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
                                        "X-Api-Key: a\r\nx-api-key: b\r\n\r\n",
                                        "A\x80: b\r\n\r\n"})
        EXPECT_EQ(status_of(std::string(start) + std::string(rest)), 400) << rest;
    using namespace std::string_view_literals;
    EXPECT_EQ(status_of(std::string(start) + std::string("A: b\0c\r\n\r\n"sv)), 400);
    for (const std::string_view text : {"GET / HTTP/1.0\r\nHost: x\r\n\r\n", "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
                                        "GET /\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "\r\n", "\x16\x03\x01\r\n\r\n", "G\tT / HTTP/1.1\r\nHost: x\r\n\r\n"})
        EXPECT_EQ(status_of(text), 400) << text;
    EXPECT_EQ(status_of("CONNECT api.z.ai:443 HTTP/1.1\r\nHost: api.z.ai:443\r\n\r\n"), 405);
    EXPECT_EQ(status_of("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    EXPECT_EQ(status_of("connect / HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    EXPECT_EQ(status_of("PRI / HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    EXPECT_EQ(status_of(std::string(start) + "Expect: 200-ok\r\n\r\n"), 417);
}

TEST(RequestHead, RefusesABodyWhereServersExpectNone) {
    for (const std::string_view method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
        const std::string begin = std::string(method) + " / HTTP/1.1\r\nHost: x\r\n";
        EXPECT_EQ(status_of(begin + "Content-Length: 1\r\n\r\n"), 400) << method;
        EXPECT_EQ(status_of(begin + "Transfer-Encoding: chunked\r\n\r\n"), 400) << method;
        EXPECT_TRUE(read_request_head(begin + "Content-Length: 0\r\n\r\n")) << method;
    }
    for (const std::string_view method : {"POST", "PUT", "PATCH"})
        EXPECT_TRUE(read_request_head(std::string(method) + " / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"));
}

std::string times(std::size_t count, std::string_view text) {
    std::string out;
    for (; count > 0; --count)
        out += text;
    return out;
}

TEST(RequestHead, HasNoMoreFieldsThanAgentsSend) {
    const std::string text(start);  // with a Host
    EXPECT_TRUE(read_request_head(text + times(max_fields - 1, "a: b\r\n") + "\r\n"));
    const auto more = read_request_head(text + times(max_fields, "a: b\r\n") + "\r\n");
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().status, 431);
    EXPECT_EQ(more.error().code, "capsule_head_too_large");
    EXPECT_TRUE(read_request_head(text + "Connection: " + times(most_connection_names, "a, ") + "\r\n\r\n"));
    EXPECT_EQ(status_of(text + times(most_connection_names + 1, "Connection: a\r\n") + "\r\n"), 400);
}

TEST(ResponseHead, HasNoMoreFieldsThanProvidersSend) {
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n";
    EXPECT_TRUE(read_response_head(text + times(max_fields - 1, "a: b\r\n") + "\r\n", "GET"));
    EXPECT_FALSE(read_response_head(text + times(max_fields, "a: b\r\n") + "\r\n", "GET"));
    EXPECT_FALSE(
        read_response_head(text + "Connection: " + times(most_connection_names + 1, "a,") + "\r\n\r\n", "GET"));
}

TEST(SameName, TakesLettersAlikeAndNothingElse) {
    const auto lower = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
    for (int a = 0; a < 256; ++a)
        for (int b = 0; b < 256; ++b) {
            const bool same = lower(a) == lower(b);
            // In each of the eight places that are compared at once, and in one that is left.
            for (std::size_t at = 0; at < 9; ++at) {
                std::string left(9, '\xff'), right(9, '\xff');
                left[at] = static_cast<char>(a);
                right[at] = static_cast<char>(b);
                ASSERT_EQ(same_name(left, right), same) << a << " and " << b << " at " << at;
            }
        }
    EXPECT_FALSE(same_name("x-api-key", "x-api-ke"));
    EXPECT_TRUE(same_name("", ""));
}

TEST(ResponseHead, SaysHowLongTheBodyIs) {
    using Kind = BodyLength::Kind;
    const auto kind = [](std::string_view text, std::string_view method = "POST") {
        return read_response_head(text, method).value().body.kind;
    };
    EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), Kind::length);
    EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Kind::chunked);
    EXPECT_EQ(kind("HTTP/1.1 200 OK\r\n\r\n"), Kind::until_close);
    EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD"), Kind::none);
    EXPECT_EQ(kind("HTTP/1.1 204 No Content\r\n\r\n"), Kind::none);
    EXPECT_FALSE(read_response_head("HTTP/1.1 200 OK\r\n\r\n", "GET")->keep_alive);
    EXPECT_TRUE(read_response_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET")->keep_alive);
    EXPECT_FALSE(
        read_response_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x, close\r\n\r\n", "GET")->keep_alive);
    EXPECT_FALSE(read_response_head("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", "GET")->keep_alive);
}

TEST(ResponseHead, RefusesRubbish) {
    for (const std::string_view text :
         {"<html>\r\n\r\n", "HTTP/1.1 2 OK\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n",
          "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 999 X\r\n\r\n"})
        EXPECT_FALSE(read_response_head(text, "GET")) << text;
}

}  // namespace
}  // namespace capsule::broker
