#include "daemon/broker/core/base_url.hpp"

#include <gtest/gtest.h>

namespace capsule::broker {
namespace {

int status_of(std::string_view target, std::string_view base) {
    const auto allowed = check_target(target, base);
    return allowed ? 200 : allowed.error().status;
}

TEST(AsksAModel, WhereAModelsServerReadsTheBody) {
    for (const std::string_view rest :
         {"/v1/messages", "/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens", "/chat/completions",
          "/v1/chat/completions", "/responses", "/v1/responses"})
        EXPECT_TRUE(asks_a_model("/api" + std::string(rest), "/api")) << rest;
    for (const std::string_view rest : {"", "/", "/v1/", "/v1/models", "/v1/x/messages", "/v1/messages/",
                                        "/v1/v1/messages", "/v1/files?/v1/messages", "/v1/messages/batches"})
        EXPECT_FALSE(asks_a_model("/api" + std::string(rest), "/api")) << rest;
}

TEST(CheckTarget, LetsThroughWhatIsBelowTheBasePath) {
    for (const std::string_view target :
         {"/api/anthropic", "/api/anthropic/", "/api/anthropic/v1/messages", "/api/anthropic/v1/messages?beta=true",
          "/api/anthropic/v1/models/a%20b", "/%61pi/anthropic/v1", "/api/anthropic/v1/what%3f", "/api/anthropic/c%23/x",
          "/api/anthropic/..a/b.", "/api/anthropic?x=/../y"})
        EXPECT_EQ(status_of(target, "/api/anthropic"), 200) << target;
    EXPECT_EQ(status_of("/", ""), 200);
    EXPECT_EQ(status_of("/v1/messages", ""), 200);
}

TEST(CheckTarget, KeepsAwayFromEverythingBesideIt) {
    for (const std::string_view target : {"/", "/api", "/api/anthropicx/v1", "/api/paas/v4", "/API/anthropic/v1"})
        EXPECT_EQ(status_of(target, "/api/anthropic"), 403) << target;
}

TEST(CheckTarget, RefusesWhatTwoServersCouldReadDifferently) {
    for (const std::string_view target : {"/v1/../admin",
                                          "/v1/./x",
                                          "/v1/..",
                                          "/v1//x",
                                          "//v1/x",
                                          "/v1/%2e%2e/admin",
                                          "/v1/%2E./admin",
                                          "/v1/.%2e",
                                          "/v1/a%2fb",
                                          "/v1/a%2Fb",
                                          "/v1/a%5cb",
                                          "/v1/a\\b",
                                          "/v1/%252e%252e/x",
                                          "/v1/%00",
                                          "/v1/%0d%0a",
                                          "/v1/%7f",
                                          "/v1/%",
                                          "/v1/%4",
                                          "/v1/%zz",
                                          "/v1/..;/admin",
                                          "/v1/..;x=1/admin",
                                          "/v1/..%3f/x",
                                          "/v1/..%3Fa",
                                          "/v1/%2e.%23/x",
                                          "/v1/..%3b/x",
                                          "/v1/..%20/x",
                                          "/v1/%20../x",
                                          "/v1/%20/x",
                                          "/v1/.../x",
                                          "/v1/.%20;x/y",
                                          "/v1/%c0%ae%c0%ae/x",
                                          "/v1/%ef%bc%8e%ef%bc%8e/x",
                                          "/v1/%c3%a9",
                                          "/v1/a#b",
                                          "/v1/a b",
                                          "/v1/\x80",
                                          "v1/x",
                                          "",
                                          "http://127.0.0.1/v1/x",
                                          "*"})
        EXPECT_EQ(status_of(target, "/v1"), 400) << target;
}

TEST(ParseBaseUrl, ReadsItsParts) {
    const BaseUrl plain = parse_base_url("https://API.z.ai/api/anthropic/").value();
    EXPECT_EQ(plain.host, "api.z.ai");
    EXPECT_EQ(plain.port, 443);
    EXPECT_EQ(plain.path, "/api/anthropic");
    EXPECT_EQ(plain.authority, "api.z.ai");
    EXPECT_TRUE(plain.tls);
    const BaseUrl local = parse_base_url("http://[::1]:8080").value();
    EXPECT_EQ(local.host, "::1");
    EXPECT_EQ(local.authority, "[::1]:8080");
    EXPECT_EQ(local.path, "");
    EXPECT_FALSE(local.tls);
}

TEST(ParseBaseUrl, RefusesWhereNoKeyShouldGo) {
    for (const std::string_view url :
         {"http://api.z.ai/v1", "http://10.0.0.1/", "ftp://x/", "https://user@host/", "https://host/?q", "https:///v1",
          "https://host:0/", "https://host:99999/", "https://host:x/", "https://169.254.169.254/latest",
          "https://[fe80::1]/", "https://[::ffff:169.254.169.254]/", "https://host/a/../b", "https://host/a%2fb",
          "https://ho st/", "api.z.ai"})
        EXPECT_FALSE(parse_base_url(url)) << url;
}

TEST(NoProxy, NamesHostsAndDomains) {
    for (const std::string_view list :
         {"*", "api.z.ai", "z.ai", ".z.ai", "*.z.ai", "a.b, z.ai", "z.ai:443", "x,API.Z.AI"})
        EXPECT_TRUE(is_in_no_proxy(list, "api.z.ai", 443)) << list;
    for (const std::string_view list : {"", ",", "i.z.ai", "z.ai:8443", "api.z.ai.example", "z.ai:x"})
        EXPECT_FALSE(is_in_no_proxy(list, "api.z.ai", 443)) << list;
}

}  // namespace
}  // namespace capsule::broker
