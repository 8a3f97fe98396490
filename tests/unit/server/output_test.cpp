// What waits to be sent: in order, however much of it each system call takes.
#include "daemon/server/output.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

/// All of it, taken `step` bytes at a time.
std::string taken(Output& output, std::size_t step) {
    std::string all;
    while (!output.empty()) {
        std::string some;
        for (const auto& buffer : output.buffers())
            some.append(static_cast<const char*>(buffer.data()), buffer.size());
        some.resize(std::min(some.size(), step));
        EXPECT_FALSE(some.empty());
        all += some;
        output.sent(some.size());
    }
    return all;
}

TEST(Output, ComesOutAsItWentIn) {
    const auto shared = std::make_shared<const std::string>("shared by many");
    for (const std::size_t step : {1U, 2U, 7U, 13U, 1000U, 1000000U}) {
        Output output;
        for (int round = 0; round < 2; ++round) {
            std::string expected;
            // More pieces than one system call takes.
            for (int i = 0; i < 100; ++i) {
                output.append("<" + std::to_string(i));
                output.append(">");
                output.share(shared);
                expected += "<" + std::to_string(i) + ">" + *shared;
            }
            EXPECT_EQ(output.size(), expected.size());
            EXPECT_EQ(taken(output, step), expected) << step;
            EXPECT_EQ(output.size(), 0U);
        }
    }
    EXPECT_EQ(shared.use_count(), 1) << "nothing is held when all is sent";
}

TEST(Output, TakesMoreWhileSomeIsStillToBeSent) {
    Output output;
    output.append("abc");
    output.sent(2);
    output.append("de");
    output.share(std::make_shared<const std::string>("fg"));
    output.append("h");
    EXPECT_EQ(taken(output, 1), "cdefgh");
}

TEST(Output, SharesWithoutACopy) {
    const auto shared = std::make_shared<const std::string>(100, 'x');
    Output output;
    output.share(shared);
    ASSERT_EQ(output.buffers().size(), 1U);
    EXPECT_EQ(output.buffers().front().data(), shared->data());
}

}  // namespace
}  // namespace capsule
