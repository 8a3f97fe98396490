#include "daemon/handlers/environment_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsule {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::map<std::string, Secret> with(const char* name, const char* value) {
    return {{name, Secret(value)}};
}

TEST(EnvironmentProxy, IsHttpsProxyInEitherSpelling) {
    EXPECT_FALSE(environment_proxy({}));
    EXPECT_FALSE(environment_proxy(with("HTTPS_PROXY", "")));
    auto both = with("HTTPS_PROXY", "");
    both.emplace("https_proxy", Secret("HTTP://me:FAKE@proxy:3128"));
    for (const char* url : {"HTTP://me:FAKE@proxy:3128", "http://other"}) {
        const auto proxy = environment_proxy(both);
        ASSERT_TRUE(proxy);
        EXPECT_EQ(proxy->url.reveal(), url);
        EXPECT_TRUE(proxy->usable);
        both.insert_or_assign("HTTPS_PROXY", Secret("http://other"));
    }
}

TEST(EnvironmentProxy, OneThatCannotBeUsedIsToldWithoutItsPassword) {
    Config config;
    config.session.keys = SessionKeys::broker;
    for (const auto& [url, expected] : {std::pair{"http://me:FAKE/x@proxy:3128", "has an '@' behind a '/'. Write %2F"},
                                        {"http://me:12/FAKE@proxy:3128", "has an '@' behind a '/'. Write %2F"},
                                        {"http://me:FAKE@proxy:99999", "has no valid port. Write a number"},
                                        {"socks5://me:FAKE@proxy", "must be \"http://[USER:PASSWORD@]HOST:PORT\""},
                                        {"https://me:FAKE@proxy", "must be \"http://[USER:PASSWORD@]HOST:PORT\""}}) {
        const auto environment = with("https_proxy", url);
        EXPECT_FALSE(environment_proxy(environment)->usable) << url;
        const auto why = why_no_proxy(config, environment);
        ASSERT_TRUE(why) << url;
        EXPECT_THAT(*why, AllOf(HasSubstr("https_proxy of the daemon's environment"), HasSubstr(expected),
                                Not(HasSubstr("FAKE"))));
    }
}

TEST(EnvironmentProxy, NothingIsToldWhereItIsNotNeeded) {
    Config config;
    const auto wrong = with("HTTPS_PROXY", "socks5://proxy");
    EXPECT_FALSE(why_no_proxy(config, wrong)) << "there is no broker";
    config.session.keys = SessionKeys::broker;
    EXPECT_TRUE(why_no_proxy(config, wrong));
    EXPECT_FALSE(why_no_proxy(config, with("HTTPS_PROXY", "http://proxy:3128")));
    config.broker.proxy = Secret("http://proxy:3128");
    EXPECT_FALSE(why_no_proxy(config, wrong)) << "it has another";
    config.broker.proxy.reset();
    config.broker.remote = "/run/capsule/keys.sock";
    EXPECT_FALSE(why_no_proxy(config, wrong)) << "the broker is elsewhere";
}

}  // namespace
}  // namespace capsule
