// One client's deep pipeline holds up no other. The count of requests, which each answer to status has, shows in which
// order they were served. Spec section 8.
#include <array>
#include <chrono>
#include <csignal>

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
            asked += "[" + request("1", "status") + "]\n";  // worked out each time, and not remembered
        long interleaved = 0;
        for (int round = 0; round < 5 && interleaved < 40; ++round) {
            RawConnection greedy = daemon().connect();
            RawConnection modest = daemon().connect();
            modest.ask(request("1", "status"));
            greedy.send(pipeline);  // returns when the last of it lies in the socket's buffer
            modest.send(asked);
            long before = 0;
            for (int i = 0; i < 50; ++i) {
                const long total = at(parse(modest.read_line().value()), "/0/result/requests/total").to_number<long>();
                if (i > 0) interleaved += total - before - 1;
                before = total;
            }
            // Thousands of spawns before it: how long they take is not what is asked here.
            greedy.send_line(request("2", "status"));
            EXPECT_TRUE(greedy.read_line(std::chrono::minutes(2)).has_value());
        }
        EXPECT_GE(interleaved, 40) << "they take turns, request by request";
    }

    /// Asks until what is asked is answered from memory.
    void expect_remembered(const std::string& asked) const {
        RawConnection connection = daemon().connect();
        const auto remembered = [&] {
            return at(parse(connection.ask(asked)), "/result/requests/remembered").to_number<long>();
        };
        long before = remembered();
        for (int i = 0; i < 500; ++i) {
            const long now = remembered();
            if (now > before) return;
            before = now;
        }
        FAIL() << "it is worked out each time";
    }

    /// Two clients have `count` such requests ready when the daemon looks: how many of one of them it serves before it
    /// serves the other.
    long longest_turn(const std::string& asked, int count) const {
        expect_remembered(asked);
        std::string pipeline;
        for (int i = 0; i < count; ++i)
            (pipeline += asked) += '\n';
        std::vector<RawConnection> clients;
        for (int i = 0; i < 2; ++i) {
            clients.push_back(daemon().connect());
            clients.back().ask(asked);
        }
        daemon().suspend();
        for (RawConnection& client : clients)
            client.send(pipeline);
        daemon().signal(SIGCONT);
        std::map<long, std::size_t> served;
        for (std::size_t i = 0; i < clients.size(); ++i)
            for (int j = 0; j < count; ++j)
                served[at(parse(clients[i].read_line().value()), "/result/requests/total").to_number<long>()] = i;
        long longest = 0;
        long turn = 0;
        std::size_t who = 0;
        std::array left{count, count};
        for (const auto& [number, client] : served) {
            turn = client == who ? turn + 1 : 1;
            who = client;
            longest = std::max(longest, turn);
            if (--left.at(client) == 0) break;  // the other one is alone
        }
        return longest;
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

TEST_F(Turns, ADeepPipelineOfRememberedAnswersDoesNotHoldUpOthers) {
    start();
    EXPECT_LE(longest_turn(R"({"jsonrpc":"2.0","id":1,"method":"status"})", 90), 64);
}

TEST_F(Turns, HowMuchWaitsForAReaderIsASetting) {
    start({.config = "[limits]\noutput_bytes = 1024\n"});
    EXPECT_EQ(longest_turn(R"({"jsonrpc":"2.0","id":1,"method":"status"})", 20), 1) << "an answer is longer than that";
}

}  // namespace
}  // namespace capsule::test
