#include "daemon/broker/workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace capsule::broker {
namespace {

using namespace std::chrono_literals;

class BrokerWorkers : public ::testing::Test {
  protected:
    BrokerWorkers() {
        workers_->start();
        too_late_.start(20s, [this] { loop_.stop(); });
    }

    /// Waits for it; the loop stops with the last one.
    Task<void> wait_for(std::shared_ptr<Work> work, Owner owner, std::string place) {
        ++left_;
        co_await workers_->run(work, owner, place);
        if (--left_ == 0) loop_.stop();
    }
    std::shared_ptr<Work> add(Owner owner, std::function<void()> what, const std::string& place = "provider.example") {
        auto work = std::make_shared<Work>(loop_, std::move(what));
        loop_.spawn(wait_for(work, owner, place));
        return work;
    }

    Loop loop_;
    Timer too_late_{loop_};
    std::shared_ptr<Workers> workers_ = std::make_shared<Workers>(loop_);
    int left_ = 0;

    /// Of work that takes a moment: how many are at it.
    struct Counted {
        std::atomic<int> at_work = 0, most = 0;
        void one() {
            const int now = ++at_work;
            for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
            }
            std::this_thread::sleep_for(1ms);
            --at_work;
        }
    } counted_;
};

TEST_F(BrokerWorkers, ComputeOnOtherThreads) {
    std::thread::id where = std::this_thread::get_id();
    add(1, [&] { where = std::this_thread::get_id(); });
    loop_.run();
    EXPECT_NE(where, std::this_thread::get_id());
}

TEST_F(BrokerWorkers, WhatOneOwnerHasComputedHoldsUpNoOther) {
    std::promise<void> other_is_done;
    add(1, [&] { EXPECT_EQ(other_is_done.get_future().wait_for(20s), std::future_status::ready); });
    for (int i = 0; i < 40; ++i)
        add(1, [] {});
    add(2, [&] { other_is_done.set_value(); });
    loop_.run();
    EXPECT_EQ(left_, 0);
}

// However much others have queued before it: it waits for one of theirs.
TEST_F(BrokerWorkers, WhoeverHasWaitedLongestIsNext) {
    std::promise<void> go_on;
    const auto all = go_on.get_future().share();
    std::atomic<int> done_before = -1, done = 0;
    for (const Owner owner : {1, 2})
        for (const char* place : {"a.example", "b.example"})
            for (int i = 0; i < 50; ++i)
                add(
                    owner,
                    [&] {
                        all.wait();
                        ++done;
                    },
                    place);
    add(3, [&] { done_before = done.load(); });
    go_on.set_value();
    loop_.run();
    EXPECT_EQ(left_, 0);
    EXPECT_LT(done_before, 20);
}

TEST_F(BrokerWorkers, AnOwnerHasTwoAtATime) {
    for (int i = 0; i < 100; ++i)
        add(
            1, [&] { counted_.one(); }, "provider-" + std::to_string(i));
    loop_.run();
    EXPECT_EQ(left_, 0);
    EXPECT_LE(counted_.most, 2);
}

TEST_F(BrokerWorkers, OfTheseOneForEachPlace) {
    for (int i = 0; i < 100; ++i)
        add(1, [&] { counted_.one(); });
    loop_.run();
    EXPECT_EQ(left_, 0);
    EXPECT_EQ(counted_.most, 1);
}

TEST_F(BrokerWorkers, OneBadProviderHoldsUpNoOtherOfItsOwner) {
    std::promise<void> other_is_done;
    add(1, [&] { EXPECT_EQ(other_is_done.get_future().wait_for(20s), std::future_status::ready); });
    for (int i = 0; i < 40; ++i)
        add(1, [] {});
    add(
        1, [&] { other_is_done.set_value(); }, "other.example");
    loop_.run();
    EXPECT_EQ(left_, 0);
}

TEST_F(BrokerWorkers, ThereAreOnlySoManyThreads) {
    for (Owner owner = 1; owner <= 100; ++owner)
        add(owner, [&] { counted_.one(); });
    loop_.run();
    EXPECT_EQ(left_, 0);
    EXPECT_LE(counted_.most, static_cast<int>(Workers::most_threads));
}

// One that is late goes on without the answer, and what has not begun is not begun for nobody.
TEST_F(BrokerWorkers, WhoeverWaitsMayLetGo) {
    std::promise<void> go_on;
    std::atomic<bool> begun = false;
    const auto first = add(1, [&, go = std::make_shared<std::future<void>>(go_on.get_future())] { go->wait(); });
    auto second = std::make_shared<Work>(loop_, [&] { begun = true; });
    const auto let_go = [&]() -> Task<void> {
        ++left_;
        co_await workers_->run(std::exchange(second, nullptr), 1, "provider.example");
        --left_;
        go_on.set_value();
    };
    const std::weak_ptr<Work> held = second;
    loop_.spawn(let_go());
    held.lock()->done.fire();
    loop_.run();
    EXPECT_EQ(left_, 0);
    EXPECT_FALSE(begun);
}

}  // namespace
}  // namespace capsule::broker
