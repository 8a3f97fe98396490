// One client's deep pipeline holds up no other. The count of requests, which each answer to status has, shows in which
// order they were served.
#include <chrono>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

class Turns : public CapsuleTest {
  protected:
    /// A client with a pipeline of `count` such notifications, and another one.
    void expect_turns(std::string_view notification, int count) const {
        std::string pipeline;
        for (int i = 0; i < count; ++i)
            (pipeline += notification) += '\n';
        std::string asked;
        for (int i = 0; i < 50; ++i)
            asked += request("1", "status") + "\n";
        long interleaved = 0;
        for (int round = 0; round < 5 && interleaved < 40; ++round) {
            RawConnection greedy = daemon().connect();
            RawConnection modest = daemon().connect();
            modest.ask(request("1", "status"));
            greedy.send(pipeline);  // returns when the last of it lies in the socket's buffer
            modest.send(asked);
            long before = 0;
            for (int i = 0; i < 50; ++i) {
                const long total = at(parse(modest.read_line().value()), "/result/requests/total").to_number<long>();
                if (i > 0) interleaved += total - before - 1;
                before = total;
            }
            // Thousands of spawns before it: how long they take is not what is asked here.
            greedy.send_line(request("2", "status"));
            EXPECT_TRUE(greedy.read_line(std::chrono::minutes(2)).has_value());
        }
        EXPECT_GE(interleaved, 40) << "they take turns, request by request";
    }
};

// With notifications nothing waits for a reader, so that only the server's own turns can let another client in. The
// count of requests shows how many of the others' were served between two answers. Some requests wait for a thread by
// themselves, and some for nothing.
TEST_F(Turns, ADeepPipelineOfSpawnsDoesNotHoldUpOthers) {
    start();
    expect_turns(R"({"jsonrpc":"2.0","method":"spawn","params":{"agent":"claude","provider":"zai"}})", 4'000);
}

TEST_F(Turns, ADeepPipelineOfWhatIsAnsweredAtOnceDoesNotHoldUpOthers) {
    start();
    expect_turns(R"({"jsonrpc":"2.0","method":"auth.list"})", 8'000);
}

}  // namespace
}  // namespace capsule::test
