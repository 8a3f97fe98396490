// The threads of one home, and who has them.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "daemon/log/log.hpp"
#include "tests/unit/home/worker_fixture.hpp"

namespace capsule {
namespace {

/// With as many threads as the daemon has.
class Workers : public Worker {
  protected:
    void hold(HomeWorker::Asker asker) { begin(stuck(go_), asker); }
    /// Those that are held go on when it has had its turn.
    void pass(HomeWorker::Asker asker) {
        begin(
            [go = go_]() -> Result<int> {
                *go = true;
                return 0;
            },
            asker);
    }

    HomeWorker workers_{somebody(), true};

  private:
    template <class Job>
    void begin(Job job, HomeWorker::Asker asker) {
        asio::co_spawn(io_, workers_.run(std::move(job), patient, asker),
                       [](std::exception_ptr, Result<int> result) { EXPECT_TRUE(result); });
    }
    std::shared_ptr<std::atomic<bool>> go_ = std::make_shared<std::atomic<bool>>(false);
};

// They are asked for at once, before any of them is known to be stuck.
TEST_F(Workers, OfOneAskersJobsTwoAreLeftBehindAtMost) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    const auto begun = std::make_shared<std::atomic<int>>(0);
    int left = 4;
    for (int i = 0; i < 4; ++i) {
        auto job = [begun, held = stuck(go)]() -> Result<int> {
            ++*begun;
            return held();
        };
        asio::co_spawn(io_, workers_.run(std::move(job), soon * (10 * i + 1), 1),
                       [&](std::exception_ptr, Result<int> result) {
                           EXPECT_FALSE(result);
                           if (--left == 0) *go = true;
                       });
    }
    pass(2);
    io_.run();
    EXPECT_LE(*begun, 2);
}

// An agent can hold a directory in which `status` looks for it, and so the threads that looked.
TEST_F(Workers, WhatStatusLeftBehindDoesNotKeepSessionsFromStarting) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    constexpr uid_t users = 5;
    int left = 0;
    const auto look = [&](uid_t user) {
        ++left;
        asio::co_spawn(io_, workers_.run(stuck(go), soon, HomeWorker::looking(user)),
                       [&](std::exception_ptr, Result<int> result) {
                           EXPECT_FALSE(result);
                           --left;
                       });
        while (left > 0)
            io_.run_one();
        io_.restart();
    };
    for (int i = 0; i < 3; ++i)
        for (uid_t user = 0; user < users; ++user)
            look(user);
    for (uid_t user = 0; user < users; ++user)
        asio::co_spawn(io_, workers_.run([]() -> Result<int> { return 3; }, patient, HomeWorker::Asker{user}),
                       [user](std::exception_ptr, Result<int> result) { EXPECT_TRUE(result) << user; });
    io_.run();
    *go = true;
}

// One user's jobs are one user's, whatever they are for.
TEST_F(Workers, ByAnotherKindOfJobNobodyHasAnotherThread) {
    const auto under_way = std::make_shared<std::atomic<int>>(0);
    for (const HomeWorker::Asker asker : {HomeWorker::Asker{7}, HomeWorker::looking(7)})
        for (int i = 0; i < 5; ++i)
            asio::co_spawn(io_,
                           workers_.run(
                               [under_way]() -> Result<int> {
                                   EXPECT_EQ(++*under_way, 1);
                                   std::this_thread::sleep_for(milliseconds(1));
                                   return --*under_way;
                               },
                               patient, asker),
                           [](std::exception_ptr, Result<int> result) { EXPECT_TRUE(result); });
    io_.run();
}

// The third waits since its asker has one under way, and cannot begin when that one is left behind.
TEST_F(Workers, AJobBeginsWhenThoseThatWereLeftBehindComeBack) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    const auto ask = [&](auto job, milliseconds limit, bool works) {
        asio::co_spawn(io_, workers_.run(std::move(job), limit, 1),
                       [works](std::exception_ptr, Result<int> result) { EXPECT_EQ(bool(result), works); });
    };
    ask(stuck(go), soon, false);
    ask(stuck(go), 20 * soon, false);
    ask([]() -> Result<int> { return 3; }, patient, true);
    asio::steady_timer both_are_left(io_, 40 * soon);
    both_are_left.async_wait([go](boost::system::error_code) { *go = true; });
    io_.run();
}

// As such lines are counted for one user each: another's are then no reason to leave them out.
TEST_F(Workers, TheLogSaysForWhomAThreadWasHeldUp) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    testing::internal::CaptureStderr();
    start_log("info", LogFormat::text, true);
    for (const HomeWorker::Asker asker : {HomeWorker::Asker{4711}, HomeWorker::looking(4712)})
        EXPECT_FALSE(run(io_, workers_.run(stuck(go), soon, asker)));
    *go = true;
    const std::string log = testing::internal::GetCapturedStderr(), home = std::to_string(::geteuid());
    for (const char* asker : {"4711", "4712"})
        EXPECT_NE(log.find("home.thread_held_up home_of=" + home + " asked_by=" + asker + " "), std::string::npos)
            << log;
}

TEST_F(Workers, OneAskersJobsHoldUpNoOther) {
    for (int i = 0; i < 10; ++i)
        hold(1);
    hold(3);
    pass(2);
    io_.run();
}

TEST_F(Workers, AllOthersTogetherDoNotHoldUpRoot) {
    for (HomeWorker::Asker asker = 1; asker < 10; ++asker)
        hold(asker);
    hold(HomeWorker::first);
    pass(HomeWorker::first);
    io_.run();
}

}  // namespace
}  // namespace capsule
