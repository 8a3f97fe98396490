// Whoever had least of the loop's time is next, whatever the others have waiting.
#include "daemon/server/shares.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace capsule {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;

/// A step's time is the processor's.
void work_for(std::chrono::milliseconds time) {
    const auto spent = [] {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    };
    const auto end = spent() + time;
    while (spent() < end) {
    }
}

class SharesTest : public ::testing::Test {
  protected:
    void add(const std::shared_ptr<Shares::Seat>& seat, std::string name, std::chrono::milliseconds takes = {}) {
        asio::post(asio::any_io_executor(Shares::Executor(seat)), [this, takes, name = std::move(name)] {
            work_for(takes);
            order.push_back(name);
        });
    }

    asio::io_context io;
    std::vector<std::string> order;
    Shares shares{io.get_executor()};
    std::shared_ptr<Shares::Seat> one = shares.seat_of(1), same = shares.seat_of(1), other = shares.seat_of(2);
};

TEST_F(SharesTest, OneUsersManyStepsAreNotBeforeAnothersOne) {
    for (int i = 0; i < 100; ++i)
        add(i % 2 == 0 ? one : same, "one");
    add(other, "other");
    io.run();
    ASSERT_EQ(order.size(), 101U);
    EXPECT_EQ(order[0], "one");
    EXPECT_EQ(order[1], "other");
}

TEST_F(SharesTest, ALongStepIsPaidForWithTheNextOnes) {
    add(one, "one", std::chrono::milliseconds(100));
    add(one, "one");
    for (int i = 0; i < 2; ++i)
        add(other, "other");
    io.run();
    EXPECT_THAT(order, ElementsAre("one", "other", "other", "one"));
}

TEST_F(SharesTest, NobodySavesTimeUp) {
    for (int i = 0; i < 4; ++i)
        add(one, "one", std::chrono::milliseconds(50));
    io.run();
    const auto newcomer = shares.seat_of(3);
    for (int i = 0; i < 5; ++i)
        add(newcomer, "newcomer", std::chrono::milliseconds(30));
    add(one, "one");
    io.restart();
    io.run();
    EXPECT_EQ(order.back(), "newcomer") << "the other one waited until all of it was done";
}

TEST_F(SharesTest, WhatIsInWorkGoesBeforeAllButOneThatBegins) {
    for (int i = 0; i < 3; ++i)
        add(one, "begins");
    {
        const Shares::Seat::InWork in_work(*same);
        for (int i = 0; i < 3; ++i)
            add(same, "goes on");
    }
    io.run();
    EXPECT_THAT(order, ElementsAre("begins", "goes on", "goes on", "goes on", "begins", "begins"));
}

TEST_F(SharesTest, AndWhatGoesOnWithoutEndLetsOthersBegin) {
    constexpr int pieces = 100;
    auto list = [this]() -> asio::awaitable<void> {
        const Shares::Seat::InWork in_work(*same);
        for (int i = 0; i < pieces; ++i) {
            co_await asio::post(asio::use_awaitable);
            order.push_back("goes on");
        }
    };
    asio::co_spawn(asio::any_io_executor(Shares::Executor(same)), list, asio::detached);
    for (int i = 0; i < 3; ++i)
        add(one, "begins");
    io.run();
    ASSERT_EQ(order.size(), pieces + 3U);
    EXPECT_EQ(std::count(order.begin(), order.begin() + 10, "begins"), 3);
}

TEST_F(SharesTest, TheLoopSeesWhatElseHasCome) {
    for (int i = 0; i < 3; ++i)
        add(one, "one", std::chrono::milliseconds(1));
    asio::post(io, [this] { order.push_back("else"); });
    io.run();
    EXPECT_THAT(order, ElementsAre("one", "else", "one", "one"));
}

TEST_F(SharesTest, AStepThatThrowsIsTheLastOfNobody) {
    asio::post(asio::any_io_executor(Shares::Executor(one)), [] { throw std::string("no"); });
    add(one, "one");
    EXPECT_THROW(io.run(), std::string);
    io.run();
    EXPECT_THAT(order, ElementsAre("one"));
}

TEST_F(SharesTest, OtherThreadsMayTell) {
    std::thread([this] { add(one, "one"); }).join();
    io.run();
    EXPECT_THAT(order, ElementsAre("one"));
}

TEST(Shares, EndWithWhatIsInThem) {
    asio::io_context io;
    auto shares = std::make_unique<Shares>(io.get_executor());
    const auto seat = shares->seat_of(1);
    const asio::any_io_executor executor = Shares::Executor(seat);
    const auto held = std::make_shared<int>();
    asio::post(executor, [held] {});
    EXPECT_EQ(held.use_count(), 2);
    shares.reset();
    EXPECT_EQ(held.use_count(), 1);
    asio::post(executor, [held] { ADD_FAILURE() << "there is nobody to take it"; });
    EXPECT_EQ(held.use_count(), 1);
    io.run();
}

}  // namespace
}  // namespace capsule
