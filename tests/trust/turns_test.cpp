// One client's deep pipeline holds up no other. The count of requests, which each answer to status has, shows in which
// order they were served.
#include <chrono>
#include <csignal>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

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

// What is asked after the list, by who asked for it, tells how many requests of the other one came before the list's
// end.
TEST_F(Turns, AListOfManySessionsDoesNotHoldUpOthers) {
    start();
    RawConnection owner = daemon().connect();
    constexpr int sessions = 4000;
    const std::string spawn = request("1", "spawn", R"({"agent":"claude","provider":"zai","ends_with":"connection"})");
    for (int i = 0; i < sessions; ++i)
        ASSERT_NE(owner.ask(spawn).find("\"result\""), std::string::npos);
    RawConnection greedy = daemon().connect();
    RawConnection modest = daemon().connect();
    greedy.ask(request("1", "status"));
    modest.ask(request("1", "status"));
    constexpr int asked = 50;
    std::string all;
    for (int i = 0; i < asked; ++i)
        all += request("1", "status") + "\n";
    daemon().suspend();
    greedy.send(request("1", "sessions.list") + "\n" + request("2", "status") + "\n");
    modest.send(all);
    daemon().signal(SIGCONT);
    const auto list = parse(greedy.read_line().value());
    EXPECT_EQ(at(list, "/result/sessions").as_array().size(), static_cast<std::size_t>(sessions));
    const long total = at(parse(greedy.read_line().value()), "/result/requests/total").to_number<long>();
    constexpr int before = sessions + 2 + 2;  // and the list, and the question itself
    EXPECT_GE(total - before, 10) << "of the other one's were served before the list was whole";
    for (int i = 0; i < asked; ++i)
        ASSERT_TRUE(modest.read_line().has_value());
}

// Each of them needs no wait, and is answered as soon as it is read; so none is ever in work beside another.
class TurnsOfUsers : public CapsuleTest {
  protected:
    /// Another user's lines on many connections lie in the sockets' buffers before root asks: how many of the requests
    /// in them are counted before root's.
    long before_root(const std::string& lines) {
        start();
        std::filesystem::permissions(socket().parent_path(), std::filesystem::perms{0755});
        std::filesystem::permissions(socket(), std::filesystem::perms{0666});
        std::vector<RawConnection> others;
        {
            const AsUser other(nobody);
            for (int i = 0; i < connections; ++i)
                others.push_back(daemon().connect());
        }
        for (RawConnection& each : others)
            each.ask(request("1", "status"));
        RawConnection root = daemon().connect();
        const auto total = [](const std::string& answer) {
            return at(parse(answer), "/result/requests/total").to_number<long>();
        };
        const long before = total(root.ask(request("1", "status")));
        daemon().suspend();
        for (RawConnection& each : others)
            each.send(lines);
        root.send(request("2", "status") + "\n");
        daemon().signal(SIGCONT);
        return total(root.read_line().value()) - before - 1;
    }

    static constexpr int connections = 200;
};

TEST_F(TurnsOfUsers, RequestsThatWaitForNothingAreNotServedForEachConnection) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    EXPECT_LT(before_root(request("1", "rpc.discover") + "\n" + request("2", "rpc.discover") + "\n"), connections / 4);
}

TEST_F(TurnsOfUsers, NorAreLinesThatAreLongToReadAndThenRefused) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    std::string deep = R"({"jsonrpc":"2.0","id":1,"method":"status","params":{"a":[)";
    for (int i = 0; i < 1000; ++i)
        deep += std::string(28, '[') + std::string(28, ']') + ",";
    EXPECT_LT(before_root(deep + "]}}\n"), connections / 4);
}

}  // namespace
}  // namespace capsule::test
