#include "daemon/catalog/names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/agents/agent.hpp"
#include "daemon/load/load_config.hpp"

namespace capsule {
namespace {

using Names = std::vector<std::string>;

void expect_all(bool (*is)(std::string_view), const Names& yes, const Names& no) {
    for (const std::string& name : yes)
        EXPECT_TRUE(is(name)) << name;
    for (const std::string& name : no)
        EXPECT_FALSE(is(name)) << name;
}

TEST(Names, ProviderId) {
    expect_all(is_provider_id, {"a", "zai", "my-gateway-2", std::string(32, 'a')},
               {"", "Zai", "2zai", "-zai", "z_ai", "z.ai", "z ai", "zäi", std::string(33, 'a')});
}

TEST(Names, WorkspaceAndRole) {
    expect_all(is_scope_name, {"a", "Acme", "0", "a.b_c-d", std::string(64, 'x')},
               {"", ".", "..", ".a", "-a", "a/b", "../a", "a b", "a\n", std::string("a\0b", 3), std::string(65, 'x')});
}

TEST(Names, Profile) {
    expect_all(is_profile_name, {"minimax", "A_b-2"}, {"", "a.b", "..", "a/b", "-a", "a b", std::string(65, 'x')});
}

TEST(Names, NpmPackage) {
    expect_all(is_npm_package, {"@ai-sdk/anthropic", "some-sdk", "@a/b.c_d"},
               {"", "@ai-sdk", "@/x", "@a/", "a/b", "@a/b/c", "./local", "../x", "/abs", "file:///tmp/x",
                "https://evil.example/x.tgz", "git+ssh://x", "x@1.2.3", "@a/b@latest", "Upper", ".hidden", "_x", "a b",
                std::string(215, 'a')});
}

TEST(Names, Model) {
    expect_all(is_model_name, {"glm-5.1", "MiniMax-M3", "org/model:free", "opus[1m]", "größe", std::string(256, 'm')},
               {"", "a b", "a\tb", "a\nb", std::string("a\0b", 3), "a\x7f", "a\xc2\xa0z", "a\xe2\x80\xa8z", "-m",
                "{env:ZAI_API_KEY}", "a\"b", "a'b", "a\\b", "a`b", "a\xff", "a\xc2", std::string(257, 'm')});
}

TEST(Names, Label) {
    expect_all(is_label, {"Z.AI", "My gateway", "Größe"},
               {"", "a\nb", "a\x1b[31m", "{file:/etc/passwd}", "a\xc2\x9b", "a\xe2\x80\xae"});
}

TEST(Names, BaseUrl) {
    for (const std::string& url : Names{
             "https://api.z.ai/api/anthropic", "https://api.z.ai", "https://x:8443/v1", "https://10.0.0.1/v1",
             "https://[2001:db8::1]:8443/v1", "http://127.0.0.1:8080/v1", "http://127.255.0.9", "http://localhost:1/v1",
             "http://LocalHost/v1", "http://[::1]:8080/v1", "https://10.0.0.1.nip.io/v1", "https://x/a%20b"})
        EXPECT_EQ(base_url_problem(url), std::nullopt) << url;

    const std::string not_http =
        "must begin with https:// (http:// is for this machine alone: 127.0.0.1, [::1], "
        "localhost)";
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {"", "must begin with https://"},
        {"api.z.ai", "must begin with https://"},
        {"ftp://api.z.ai", "must begin with https://"},
        {"HTTPS://api.z.ai", "must begin with https://"},
        {"http://api.z.ai", not_http},
        {"http://127.0.0.1.evil.example/v1", not_http},
        {"http://localhost.evil.example", not_http},
        {"http://128.0.0.1", not_http},
        {"http://[::2]", not_http},
        {"http://127.1", not_http},
        {"http://0.0.0.0", not_http},
        {"https://", "has no valid host name"},
        {"https:///v1", "has no valid host name"},
        {"https://-x", "has no valid host name"},
        {"https://a..b", "has no valid host name"},
        {"https://a_b", "has no valid host name"},
        {"https://[::1", "has no valid host name"},
        {"https://a\\b", "has no valid host name"},
        {"https://x:0", "has no valid port"},
        {"https://x:", "has no valid port"},
        {"https://x:65536", "has no valid port"},
        {"https://x:8a", "has no valid port"},
        {"https://user@x/v1", "must not have a user name or password"},
        {"https://user:pass@x/v1", "must not have a user name or password"},
        {"https://api.z.ai@evil.example/v1", "must not have a user name or password"},
        {"https://x/v1?a=b", "must not have a query or a fragment"},
        {"https://x/v1#f", "must not have a query or a fragment"},
        {"https://x/a b", "has white space or control characters"},
        {"https://x/\n", "has white space or control characters"},
        {std::string("https://x/\0y", 12), "has white space or control characters"},
        {"https://x/{env:HOME}", "has characters in its path that must be written as %XX"},
        {"https://x/$HOME", "has characters in its path that must be written as %XX"},
        {"https://x/%2", "has characters in its path that must be written as %XX"},
        {"https://x/%zz", "has characters in its path that must be written as %XX"},
        {"https://x/v1/", "must not end with '/': the agents append their own path"},
        {"https://x/", "must not end with '/': the agents append their own path"},
    };
    for (const auto& [url, problem] : wrong)
        EXPECT_EQ(base_url_problem(url), problem) << url;
}

TEST(Names, QuotedForErrors) {
    EXPECT_EQ(in_quotes("zai"), "\"zai\"");
    EXPECT_EQ(in_quotes("a\x1b[2J\n"), "\"a\\x1b[2J\\x0a\"");
    EXPECT_EQ(in_quotes(std::string(200, 'a')), '"' + std::string(80, 'a') + "…\"");
    EXPECT_EQ(in_quotes(std::string(79, 'a') + "ä rest"), '"' + std::string(79, 'a') + "…\"") << "no half characters";
}

TEST(Cells, OpencodeOnAnthropicCountsAsNative) {
    const Catalog& catalog = builtin_catalog();
    EXPECT_TRUE(counts_as_native(Agent::claude, *catalog.find("anthropic")));
    EXPECT_TRUE(counts_as_native(Agent::codex, *catalog.find("openai")));
    EXPECT_TRUE(counts_as_native(Agent::opencode, *catalog.find("anthropic")));
    EXPECT_FALSE(counts_as_native(Agent::opencode, *catalog.find("zai")));
    EXPECT_FALSE(counts_as_native(Agent::claude, *catalog.find("zai")));
    EXPECT_FALSE(counts_as_native(Agent::codex, *catalog.find("minimax")));
}

}  // namespace
}  // namespace capsule
