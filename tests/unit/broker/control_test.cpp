#include "daemon/broker/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsule::broker {
namespace {

using testing::HasSubstr;

TEST(Control, EveryMessageComesBackAsItWas) {
    Grant grant{"s1",
                std::string(64, 'a'),
                "zai",
                "Z.AI",
                "https://api.z.ai/api/anthropic",
                "anthropic_messages",
                "FAKE-key",
                "claude",
                1000,
                3000,
                {{"window", 429, "1308", std::nullopt}},
                std::nullopt};
    const auto read = read_to_broker(control_line(ToBroker(grant)));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(std::get<Grant>(*read).refusals.at(0).code, "1308");
    EXPECT_EQ(std::get<Grant>(*read).refusals.at(0).text, std::nullopt);
    EXPECT_EQ(std::get<Grant>(*read).uid, 1000U);
    for (const ToBroker& message :
         {ToBroker(Configure{}), ToBroker(Key{"s1", {}, "FAKE-key", {}}), ToBroker(Revoke{"s1", "ended"}),
          ToBroker(Revoke{"s1", "ended", 10'000}), ToBroker(End{})}) {
        const auto back = read_to_broker(control_line(message));
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(back->index(), message.index());
    }
    Traffic traffic;
    traffic.session = "s1";
    traffic.last = LastAnswer{"2026-11-26T01:02:03Z", 429, std::nullopt};
    for (const FromBroker& message :
         {FromBroker(Ready{"127.0.0.1:1", 7}), FromBroker(Taken{"grant", "s1"}), FromBroker(traffic),
          FromBroker(Strangers{"c", 2}), FromBroker(Failed{"why", "cure"})}) {
        const auto back = read_from_broker(control_line(message));
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(back->index(), message.index());
    }
}

TEST(Control, ReadsStrictly) {
    for (const std::string_view line : {"", "{}", "[]", "{\"end\":{},\"x\":{}}", "{\"stop\":{}}",
                                        "{\"end\":{\"now\":true}}", "{\"revoke\":{\"session\":\"a\"}}",
                                        "{\"revoke\":{\"session\":1,\"reason\":\"\"}}", "{\"end\":null}", "{\"end\""})
        EXPECT_FALSE(read_to_broker(line)) << line;
    EXPECT_THAT(read_to_broker("{\"revoke\":{\"session\":\"a\",\"reson\":\"x\",\"reason\":\"x\"}}").error().message,
                HasSubstr("revoke: unknown member \"reson\""));
}

}  // namespace
}  // namespace capsule::broker
