#include "daemon/broker/loop.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

#include "daemon/broker/descriptor.hpp"

namespace capsule::broker {
namespace {

using namespace std::chrono_literals;

/// Two ends that are connected: one that the loop watches, and another one.
class BrokerLoop : public ::testing::Test {
  protected:
    BrokerLoop() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        near_ = std::make_unique<Descriptor>(loop_, UniqueFd(ends[0]));
        far_ = UniqueFd(ends[1]);
        // For a test that waits for what never comes.
        too_late_.start(20s, [this] { loop_.stop(); });
    }
    void come(std::string_view bytes) {
        EXPECT_EQ(::send(far_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    std::string read(std::size_t most = 64) {
        std::array<char, 64> room{};
        const Io io = near_->receive(std::span(room).first(most));
        if (io.is == Io::Is::ended) return "ended";
        return io.is == Io::Is::done ? std::string(room.data(), io.bytes) : "nothing";
    }
    Task<void> read_when_told(int times) {
        for (; times > 0; --times) {
            const bool came = co_await near_->readable();
            seen_ += came ? read() + ' ' : "closed ";
        }
        loop_.stop();
    }
    Task<void> say(std::string word, int times, bool last) {
        for (; times > 0; --times) {
            seen_ += word;
            co_await loop_.others_have_their_turn(0);
        }
        if (last) loop_.stop();
    }

    Loop loop_;
    Timer too_late_{loop_};
    std::unique_ptr<Descriptor> near_;
    UniqueFd far_;
    std::string seen_;
};

TEST_F(BrokerLoop, TellsOfWhatComesWhileSomebodyWaits) {
    loop_.spawn(read_when_told(2));
    come("a");
    Timer later(loop_);
    later.start(1ms, [&] { come("b"); });
    loop_.run();
    EXPECT_EQ(seen_, "a b ");
}

TEST_F(BrokerLoop, AsksTheKernelOnlyForWhatItHasToldOf) {
    come("abc");
    EXPECT_EQ(read(), "nothing");  // it has not told yet
    Timer told(loop_);
    told.start(1ms, [&] {
        EXPECT_EQ(read(2), "ab");  // as much as there was room for: there may be more
        EXPECT_TRUE(near_->may_have_something());
        EXPECT_EQ(read(2), "c");
        EXPECT_FALSE(near_->may_have_something());
        come("d");
        EXPECT_EQ(read(), "nothing");
        loop_.spawn(read_when_told(1));
    });
    loop_.run();
    EXPECT_EQ(seen_, "d ");
}

TEST_F(BrokerLoop, ATimerThatIsDueSoonerDoesNotWaitForTheOnesBefore) {
    Timer first(loop_), second(loop_), third(loop_);
    first.start(1ms, [&] {
        seen_ += "first ";
        second.start(10s, [&] { seen_ += "second "; });
        third.start(1ms, [&] {
            seen_ += "third ";
            third.cancel();
            // The one that would have been next is none any more.
            second.cancel();
            second.start(1ms, [&] { loop_.stop(); });
        });
    });
    const auto begin = Clock::now();
    loop_.run();
    EXPECT_EQ(seen_, "first third ");
    EXPECT_LT(Clock::now() - begin, 5s);
}

TEST_F(BrokerLoop, AllThatIsDueTogetherIsDoneAndTheRestInItsTime) {
    std::vector<std::unique_ptr<Timer>> timers;
    std::string order;
    const auto add = [&](char name, Clock::duration after) {
        timers.push_back(std::make_unique<Timer>(loop_));
        timers.back()->start(after, [&order, name] { order += name; });
    };
    add('d', 40ms);
    add('a', 0ms);
    add('c', 20ms);
    add('b', 0ms);
    Timer last(loop_);
    last.start(60ms, [&] { loop_.stop(); });
    loop_.run();
    EXPECT_EQ(order, "abcd");
}

TEST_F(BrokerLoop, WhatASignalWokeTakesItsOwnersTime) {
    int steps = 0, before = 0;
    const auto many = [&]() -> Task<void> {
        for (;;) {
            Signal soon(loop_, 1);
            Timer timer(loop_);
            timer.start(1us, [&] { soon.fire(); });
            co_await soon.wait();
            ++steps;
            for (const auto begin = Clock::now(); Clock::now() - begin < 1ms;) {
            }
        }
    };
    const auto one = [&]() -> Task<void> {
        Signal soon(loop_, 2);
        Timer timer(loop_);
        timer.start(150ms, [&] {
            before = steps;
            soon.fire();
        });
        co_await soon.wait();
        loop_.stop();
    };
    for (int i = 0; i < 100; ++i)
        loop_.spawn(many());
    loop_.spawn(one());
    loop_.run();
    EXPECT_LT(steps - before, 20);
}

TEST_F(BrokerLoop, OneOwnersManyTakeNoMoreTimeThanAnothersOne) {
    // Each step of the many takes a millisecond, and they have two in a round.
    int steps = 0;
    const auto many = [&]() -> Task<void> {
        for (;;) {
            co_await loop_.others_have_their_turn(1);
            ++steps;
            for (const auto begin = Clock::now(); Clock::now() - begin < 1ms;) {
            }
        }
    };
    const auto one = [&]() -> Task<void> {
        for (int turns = 0; turns < 10; ++turns)
            co_await loop_.others_have_their_turn(2);
        loop_.stop();
    };
    for (int i = 0; i < 100; ++i)
        loop_.spawn(many());
    loop_.spawn(one());
    loop_.run();
    EXPECT_GE(steps, 10);
    EXPECT_LE(steps, 30);  // and not a thousand
}

TEST_F(BrokerLoop, WhoHadNoTimeInARoundIsFirstInTheNextOne) {
    std::string order;
    const auto step = [&](char name) -> Task<void> {
        for (int turns = 0; turns < 2; ++turns) {
            co_await loop_.others_have_their_turn(1);
            order += name;
            for (const auto begin = Clock::now(); Clock::now() - begin < 3ms;) {
            }
        }
        if (name == 'c') loop_.stop();
    };
    for (const char name : {'a', 'b', 'c'})
        loop_.spawn(step(name));
    loop_.run();
    EXPECT_EQ(order, "abcabc");
}

TEST_F(BrokerLoop, SeesTheEndBehindTheLastBytes) {
    come("last");
    far_ = UniqueFd();
    loop_.spawn(read_when_told(2));
    loop_.run();
    EXPECT_EQ(seen_, "last ended ");
}

TEST_F(BrokerLoop, ClosingEndsEveryWaitThereAndInBothDirections) {
    const std::string much(1 << 20, 'x');
    while (near_->send(much).is == Io::Is::done) {
    }
    const auto until_writable = [](Descriptor& what, std::string& seen) -> Task<void> {
        const bool came = co_await what.writable();
        seen += came ? "writable " : "shut ";
    };
    const auto until_readable = [](Descriptor& what, std::string& seen) -> Task<void> {
        const bool came = co_await what.readable();
        seen += came ? "readable " : "closed ";
    };
    loop_.spawn(until_writable(*near_, seen_));
    loop_.spawn(until_writable(*near_, seen_));
    loop_.spawn(until_readable(*near_, seen_));
    Timer later(loop_);
    later.start(1ms, [&] {
        near_->close();
        loop_.spawn(say("", 1, true));  // its turn is after theirs
    });
    loop_.run();
    EXPECT_EQ(seen_, "closed shut shut ");
}

TEST_F(BrokerLoop, GoesOnWritingWhenThereIsRoomAgain) {
    const std::string much(1 << 20, 'x');
    while (near_->send(much).is == Io::Is::done) {
    }
    const auto until_writable = [](Loop& loop, Descriptor& what, bool& came) -> Task<void> {
        came = co_await what.writable();
        loop.stop();
    };
    bool came = false;
    loop_.spawn(until_writable(loop_, *near_, came));
    Timer later(loop_);
    later.start(1ms, [&] {
        std::string room(1 << 20, '\0');
        while (::recv(far_.get(), room.data(), room.size(), MSG_DONTWAIT) > 0) {
        }
    });
    loop_.run();
    EXPECT_TRUE(came);
    EXPECT_EQ(near_->send("y").is, Io::Is::done);
}

TEST_F(BrokerLoop, OthersHaveTheirTurn) {
    loop_.spawn(say("a", 3, false));
    loop_.spawn(say("b", 3, true));
    loop_.run();
    EXPECT_EQ(seen_, "ababab");
}

TEST_F(BrokerLoop, TimersGoOffInOrderUnlessForgotten) {
    Timer first(loop_), second(loop_), never(loop_), again(loop_);
    second.start(2ms, [&] { seen_ += "second "; });
    first.start(1ms, [&] {
        seen_ += "first ";
        never.cancel();
    });
    never.start(2ms, [&] { seen_ += "never "; });
    again.start(1ms, [&] { seen_ += "earlier "; });
    again.start(3ms, [&] {
        seen_ += "later";
        loop_.stop();
    });
    loop_.run();
    EXPECT_EQ(seen_, "first second later");
}

TEST_F(BrokerLoop, TakesWhatAnotherThreadHandsOver) {
    std::thread other([mailbox = loop_.mailbox(), this] {
        mailbox->post([this] {
            seen_ += "posted";
            loop_.stop();
        });
    });
    loop_.run();
    other.join();
    EXPECT_EQ(seen_, "posted");
}

TEST(BrokerLoopsEnd, TakesWhateverStillWaitsAlong) {
    const auto hold = [](std::shared_ptr<int>, Signal& never) -> Task<void> { co_await never.wait(); };
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> seen = held;
    {
        Loop loop;
        Signal never(loop);
        loop.spawn(hold(std::move(held), never));
        EXPECT_FALSE(seen.expired());
    }
    EXPECT_TRUE(seen.expired());
}

TEST_F(BrokerLoop, WhatACoroutineThrowsEndsItAlone) {
    const auto fail = []() -> Task<void> {
        throw std::runtime_error("nobody sees it");
        co_return;
    };
    const auto catches = [&]() -> Task<void> {
        try {
            co_await fail();
        } catch (const std::runtime_error& failure) {
            seen_ = failure.what();
        }
    };
    loop_.spawn(fail());
    loop_.spawn(catches());
    EXPECT_EQ(seen_, "nobody sees it");
}

}  // namespace
}  // namespace capsule::broker
