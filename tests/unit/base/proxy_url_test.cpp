#include "daemon/base/proxy_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsule {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProxyUrl, HasAHostAPortAndCredentials) {
    struct Url {
        const char *url, *host, *port, *credentials;
    };
    for (const Url& each : {
             Url{"http://proxy:3128", "proxy", "3128", ""},
             {"HTTP://my_proxy.example:65535/", "my_proxy.example", "65535", ""},
             {"http://proxy", "proxy", "80", ""},
             {"http://me:FAKE@10.0.0.1:1/", "10.0.0.1", "1", "me:FAKE"},
             {"http://me:FA%2FKE@[::1]:3128", "::1", "3128", "me:FA%2FKE"},
             {"http://me:FAKE@[fe80::1%eth0]", "fe80::1%eth0", "80", "me:FAKE"},
             {"http://FAKE@proxy:3128/pac", "proxy", "3128", "FAKE"},
             {"http://me:F@K#E?@proxy:3128", "proxy", "3128", "me:F@K#E?"},
         }) {
        const auto read = read_proxy_url(each.url);
        ASSERT_TRUE(read) << each.url;
        EXPECT_EQ(read->host, each.host) << each.url;
        EXPECT_EQ(read->port, each.port) << each.url;
        EXPECT_EQ(read->credentials, each.credentials) << each.url;
    }
}

void expect_refused(const char* url, const char* message, const char* hint) {
    const auto read = read_proxy_url(url);
    ASSERT_FALSE(read) << url;
    EXPECT_EQ(read.error().message, message) << url;
    EXPECT_THAT(read.error().hint, HasSubstr(hint)) << url;
    EXPECT_THAT(read.error().message + read.error().hint, Not(HasSubstr("FAKE"))) << url;
}

// A broker that took them would look up a part of the password in DNS.
TEST(ProxyUrl, APasswordWithASlashIsRefused) {
    for (const char* url : {"http://me:FAKE/x@proxy:3128", "http://me:12/FAKE@proxy:3128", "http://FAKE/x:y@proxy",
                            "http://me:FAKE@proxy:3128/x@y"})
        expect_refused(url, "has an '@' behind a '/'", "%2F");
}

TEST(ProxyUrl, SoIsAPortThatIsNone) {
    for (const char* url :
         {"http://proxy:99999", "http://proxy:65536", "http://proxy:0", "http://proxy:", "http://me:FAKE",
          "http://me:FAKE@proxy:3128x", "http://me:FAKE@proxy:3128?x", "http://me:FAKE@[::1]:-1"})
        expect_refused(url, "has no valid port", "from 1 to 65535");
}

TEST(ProxyUrl, SoIsWhatIsNone) {
    for (const char* url :
         {"", "http://", "http:///", "proxy:3128", "socks5://me:FAKE@proxy", "https://me:FAKE@proxy",
          "http://me:FAKE @proxy", "http://me:FAKE@proxy\n", "http://me:FAKE@", "http://me:FAKE@:3128",
          "http://me:FAKE:3128", "http://::1:3128", "http://me@[]:1", "http://me@proxy#x", "http://[::1"})
        expect_refused(url, "must be \"http://[USER:PASSWORD@]HOST:PORT\"", "encrypted");
}

}  // namespace
}  // namespace capsule
