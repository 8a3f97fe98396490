// What waits to be sent comes out in order, however much of it each system call takes.
#include "daemon/server/output.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace capsule {
namespace {

/// All of it, taken `step` bytes at a time.
std::string taken(Output& output, std::size_t step) {
    std::string all;
    while (!output.empty()) {
        const std::string some(output.rest().substr(0, step));
        all += some;
        output.sent(some.size());
    }
    return all;
}

TEST(Output, ComesOutAsItWentIn) {
    for (const std::size_t step : {1U, 2U, 7U, 13U, 1000U, 1000000U}) {
        Output output;
        for (int round = 0; round < 2; ++round) {
            std::string expected;
            for (int i = 0; i < 100; ++i) {
                output.append("<" + std::to_string(i));
                output.append(">");
                expected += "<" + std::to_string(i) + ">";
            }
            EXPECT_EQ(output.size(), expected.size());
            EXPECT_EQ(taken(output, step), expected) << step;
            EXPECT_EQ(output.size(), 0U);
        }
    }
}

TEST(Output, TakesMoreWhileSomeIsStillToBeSent) {
    Output output;
    output.append("abc");
    output.sent(2);
    output.append("de");
    EXPECT_EQ(output.size(), 3U);
    EXPECT_EQ(taken(output, 1), "cde");
}

}  // namespace
}  // namespace capsule
