// Hostile and broken clients: each is refused or cut with its error while others are served.
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

class Limits : public CapsuleTest {
  protected:
    static int error_number(const std::optional<std::string>& answer) {
        if (!answer) throw std::runtime_error("closed without an answer");
        return at(parse(*answer), "/error/code").to_number<int>();
    }

    /// Waits until only the asking connection is open.
    void expect_alone() const {
        EXPECT_TRUE(eventually([&] {
            const auto status = newcomers_status();
            return status && at(*status, "/connections/open").to_number<int>() == 1;
        }));
    }
    /// A connection that has a place. That of the daemon's start may be taken for a moment.
    RawConnection with_a_place() const {
        std::optional<RawConnection> made;
        const auto is_served = [&] {
            try {
                made.emplace(daemon().connect());
                return made->ask(request("1", "status")).find("result") != std::string::npos;
            } catch (const std::runtime_error&) {
                return false;
            }
        };
        if (!eventually(is_served)) throw std::runtime_error("there is no place");
        return std::move(*made);
    }
    /// None where there is no place for it. That of one who has just left is taken for a moment, and a newcomer may be
    /// turned away before it has asked.
    std::optional<json::value> newcomers_status() const {
        try {
            return call("status");
        } catch (const std::runtime_error&) {
            return std::nullopt;
        }
    }
};

TEST_F(Limits, MemoryIsGivenBackWhenManyHaveGone) {
    start();
    const auto held = [this] { return resident_kib(daemon().pid(), "RssAnon"); };  // without its program's pages
    const long before = held();
    std::vector<RawConnection> many;
    for (int i = 0; i < 250; ++i) {
        many.push_back(daemon().connect());
        many.back().send(R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(60'000, 'x'));
    }
    long during = 0;
    EXPECT_TRUE(eventually([&] { return (during = held()) > before + 10'000; }));
    while (many.size() > 1)
        many.pop_back();
    EXPECT_TRUE(eventually([&] { return held() < (before + during) / 2; }))
        << before << ", " << during << ", " << held();
}

TEST_F(Limits, AnEndlessLineIsCutAndTheDaemonStaysSmall) {
    start();
    const long before = resident_kib(daemon().pid(), "VmHWM");
    RawConnection hostile = daemon().connect();
    const std::string block(1 << 20, 'x');
    std::jthread sender([&] {
        for (int i = 0; i < 64; ++i)
            hostile.send(block);
    });
    EXPECT_EQ(error_number(hostile.read_line()), -32009);
    EXPECT_EQ(hostile.read_line(), std::nullopt) << "and the connection is closed";
    expect_alone();
    if (memory_is_the_daemons_own) {
        EXPECT_LT(resident_kib(daemon().pid(), "VmHWM") - before, 16 * 1024);
    }
}

TEST_F(Limits, HowLongARequestMayBeIsASetting) {
    start({.config = "[limits]\nrequest_bytes = 2048\n"});
    const std::string longest = R"({"jsonrpc":"2.0","id":1,"method":"status","params":{}})";
    daemon().connect().ask(longest + std::string(2048 - longest.size(), ' '));
    RawConnection longer = daemon().connect();
    const std::string answer = longer.ask(longest + std::string(2049 - longest.size(), ' '));
    EXPECT_EQ(error_number(answer), -32009);
    EXPECT_THAT(answer, AllOf(HasSubstr("2048 bytes"), HasSubstr("[limits] request_bytes")));
    EXPECT_EQ(longer.read_line(), std::nullopt);
}

TEST_F(Limits, AClientThatGoesOnSendingAfterItsRefusalIsCutAllTheSame) {
    start();
    RawConnection hostile = daemon().connect();
    const std::string block(300 * 1024, 'x');
    const auto end = Clock::now() + seconds(20);
    std::jthread sender([&](const std::stop_token& stop) {
        while (!stop.stop_requested() && Clock::now() < end)
            hostile.send(block);
    });
    EXPECT_EQ(error_number(hostile.read_line()), -32009);
    expect_alone();
}

TEST_F(Limits, AClientThatStaysAfterItsRefusalIsCut) {
    start();
    RawConnection hostile = daemon().connect();
    hostile.send(std::string(300 * 1024, 'x'));
    EXPECT_EQ(error_number(hostile.read_line()), -32009);
    expect_alone();
}

TEST_F(Limits, AHalfSentRequestIsCutWithItsError) {
    start({.config = "[limits]\nrequest_timeout_ms = 400\n"});
    RawConnection half = daemon().connect();
    RawConnection idle = daemon().connect();
    half.send(R"({"jsonrpc":"2.0",)");
    expect_alive();
    const std::optional<std::string> answer = half.read_line();
    EXPECT_EQ(error_number(answer), -32600);
    EXPECT_THAT(*answer, HasSubstr("400 ms"));
    EXPECT_EQ(half.read_line(), std::nullopt);
    idle.ask(request("1", "status"));  // waiting between requests costs nothing
}

// The time runs from the request's first byte, so that a byte now and then does not hold a connection for ever.
TEST_F(Limits, ARequestThatTricklesIsCutToo) {
    start({.config = "[limits]\nrequest_timeout_ms = 600\n"});
    RawConnection slow = daemon().connect();
    const auto begin = Clock::now();
    std::jthread sender([&](const std::stop_token& stop) {
        while (!stop.stop_requested() && Clock::now() - begin < seconds(15)) {
            slow.send(" x");
            std::this_thread::sleep_for(milliseconds(50));
        }
    });
    EXPECT_EQ(error_number(slow.read_line()), -32600);
    EXPECT_LT(Clock::now() - begin, seconds(8));
}

TEST_F(Limits, EachRequestHasItsOwnTime) {
    start({.config = "[limits]\nrequest_timeout_ms = 2000\n"});
    RawConnection slow = daemon().connect();
    const std::string line = request("1", "status") + "\n";
    const auto begin = Clock::now();
    slow.send(line.substr(0, 9));
    for (int i = 0; i < 8; ++i) {  // always in the middle of one, for longer than one may take
        std::this_thread::sleep_for(milliseconds(400));
        slow.send(line.substr(9) + line.substr(0, 9));
        EXPECT_TRUE(has(parse(slow.read_line().value()), "/result"));
    }
    EXPECT_GT(Clock::now() - begin, seconds(3));
}

TEST_F(Limits, AReaderThatDoesNotReadIsCutWhileOthersAreServed) {
    start({.config = "[limits]\nwrite_timeout_ms = 500\n"});
    const long before = resident_kib(daemon().pid(), "VmHWM");
    RawConnection deaf = daemon().connect();
    std::string all;
    for (int i = 0; i < 20'000; ++i)  // some 300 MB of answers
        all += request("1", "rpc.discover") + "\n";
    std::jthread sender([&] { deaf.send(all); });
    for (int i = 0; i < 2'000; ++i)
        deaf.read_line();  // so that as many requests are taken from it at once as from anybody
    for (int i = 0; i < 20; ++i)
        expect_alive();
    sender.join();  // ends when the connection does
    expect_alone();
    EXPECT_THAT(daemon().log(), HasSubstr("does not read its answers"));
    if (memory_is_the_daemons_own) {
        EXPECT_LT(resident_kib(daemon().pid(), "VmHWM") - before, 8 * 1024);
    }
}

TEST_F(Limits, ConnectionsOverTheLimitGetTheirError) {
    start({.config = "[limits]\nconnections = 5\n"});
    std::vector<RawConnection> open;
    for (int i = 0; i < 5; ++i)
        open.push_back(with_a_place());
    for (int i = 0; i < 10; ++i) {
        RawConnection more = daemon().connect();
        const std::optional<std::string> answer = more.read_line();
        EXPECT_EQ(error_number(answer), -32010);
        EXPECT_EQ(text_at(parse(*answer), "/error/data/code"), "server.overloaded");
        EXPECT_THAT(*answer, HasSubstr("[limits] connections"));
        EXPECT_EQ(more.read_line(), std::nullopt);
    }
    for (RawConnection& connection : open)
        connection.ask(request("1", "status"));
    open.pop_back();
    EXPECT_TRUE(eventually([&] { return newcomers_status().has_value(); }));
}

TEST_F(Limits, TooFewFilesAreAnErrorAtTheStart) {
    const Outcome outcome = run_command({.argv = {"/bin/sh", "-c", "ulimit -n 12; exec \"$0\" --socket \"$1\"",
                                                  CAPSULED_BINARY, (home() / "few").string()},
                                         .env = {{"HOME", home().string()}, {"PATH", "/usr/bin:/bin"}}});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_NE(outcome.err.find("the limit of open files is too low: 12"), std::string::npos) << outcome.err;
}

TEST_F(Limits, AThousandAnd24ConnectionsAreServedAndNoMore) {
    rlimit files{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    ASSERT_GT(files.rlim_cur, 1200U);
    start();
    std::vector<RawConnection> open;
    for (int i = 0; i < 1024; ++i)
        open.push_back(with_a_place());
    EXPECT_EQ(error_number(daemon().connect().read_line()), -32010);
    open.front().ask(request("1", "spawn", R"({"agent":"claude","provider":"zai"})"));
    open.clear();
    expect_alone();
}

TEST_F(Limits, NoDescriptorsLeftIsWaitedOut) {
    if (!am_root()) GTEST_SKIP() << "needs root to count the daemon's descriptors";
    start();
    expect_alone();
    const std::size_t before = open_descriptors(daemon().pid());
    rlimit old{};
    ASSERT_EQ(prlimit(daemon().pid(), RLIMIT_NOFILE, nullptr, &old), 0);
    const rlimit few{before + 3, old.rlim_max};
    ASSERT_EQ(prlimit(daemon().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
    {
        std::vector<RawConnection> open;
        for (int i = 0; i < 60; ++i)
            open.push_back(daemon().connect());  // the kernel's queue takes what the daemon cannot yet
        EXPECT_TRUE(eventually([&] { return daemon().log().find("cannot accept") != std::string::npos; }));
        std::this_thread::sleep_for(seconds(1));
        const std::string log = daemon().log();
        std::size_t tries = 0;
        for (std::size_t at = log.find("cannot accept"); at != std::string::npos;
             at = log.find("cannot accept", at + 1))
            ++tries;
        EXPECT_LT(tries, 40U) << "it waits between the tries";
        open.front().ask(request("1", "status"));  // who is in is served
        EXPECT_THAT(open.front().ask(request("2", "spawn", R"({"agent":"codex","provider":"minimax"})")),
                    ::testing::AnyOf(HasSubstr("\"result\""), HasSubstr("io.error")));
    }
    expect_alive();
    ASSERT_EQ(prlimit(daemon().pid(), RLIMIT_NOFILE, &old, nullptr), 0);
    call("spawn", R"({"agent":"codex","provider":"minimax"})");
    expect_alone();
}

TEST_F(Limits, ClientsThatVanishLeaveNothingBehind) {
    if (!am_root()) GTEST_SKIP() << "needs root to count the daemon's descriptors";
    agents_.delay_codex_models(seconds(1));
    start();
    expect_alone();
    const std::size_t before = open_descriptors(daemon().pid());
    for (int i = 0; i < 100; ++i) {
        RawConnection gone = daemon().connect();
        gone.send(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})") + "\n");
        if (i % 2) gone.send(request("2", "rpc.discover") + "\n{\"jsonrpc\":");
    }
    expect_alone();
    EXPECT_TRUE(eventually([&] { return open_descriptors(daemon().pid()) <= before + 1; }));
}

}  // namespace
}  // namespace capsule::test
