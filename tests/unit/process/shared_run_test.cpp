#include "daemon/process/shared_run.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace capsule {
namespace {

namespace asio = boost::asio;

class SharedRuns : public testing::Test {
  protected:
    using Run = SharedRun<std::string>;

    asio::awaitable<std::string> work() {
        co_await asio::steady_timer(io_, std::chrono::milliseconds(1)).async_wait(asio::use_awaitable);
        ++runs_;
        if (fails_) throw std::bad_alloc();
        co_return "done";
    }

    asio::awaitable<void> wait(std::shared_ptr<Run> shared) { told_.push_back(co_await shared->wait()); }

    /// What those are told that begin to wait before it ends, and one that does so after.
    std::vector<std::optional<std::string>> told() {
        asio::co_spawn(io_, shared_->run(work()),
                       [this](std::exception_ptr failure, const std::string&) { threw_ = failure != nullptr; });
        for (int i = 0; i < 2; ++i)
            asio::co_spawn(io_, wait(shared_), asio::detached);
        io_.run();
        asio::co_spawn(io_, wait(shared_), asio::detached);
        io_.restart();
        io_.run();
        return told_;
    }

    asio::io_context io_;
    std::shared_ptr<Run> shared_ = std::make_shared<Run>(io_.get_executor());
    std::vector<std::optional<std::string>> told_;
    int runs_ = 0;
    bool fails_ = false;
    bool threw_ = false;
};

TEST_F(SharedRuns, AllHaveTheResultOfOne) {
    EXPECT_FALSE(shared_->result());
    EXPECT_EQ(told(), std::vector<std::optional<std::string>>(3, "done"));
    EXPECT_EQ(runs_, 1);
    EXPECT_EQ(shared_->result(), "done");
    EXPECT_FALSE(shared_->has_failed());
}

TEST_F(SharedRuns, NobodyWaitsForOneThatEndedByAnException) {
    fails_ = true;
    EXPECT_FALSE(shared_->has_failed());
    EXPECT_EQ(told(), std::vector<std::optional<std::string>>(3));
    EXPECT_TRUE(threw_);
    EXPECT_TRUE(shared_->has_failed());
}

TEST_F(SharedRuns, IsNotWaitedForLongerThanOneWants) {
    bool is_over = false;
    const auto impatient = [&]() -> asio::awaitable<void> {
        told_.push_back(co_await shared_->wait(Run::TimePoint::min()));
        EXPECT_FALSE(is_over) << "it is under way";
    };
    const auto slow = [&]() -> asio::awaitable<std::string> {
        co_await asio::steady_timer(io_, std::chrono::milliseconds(50)).async_wait(asio::use_awaitable);
        is_over = true;
        co_return "done";
    };
    asio::co_spawn(io_, shared_->run(slow()), [](const std::exception_ptr&, const std::string&) {});
    asio::co_spawn(io_, impatient(), asio::detached);
    io_.run();
    EXPECT_EQ(told_, std::vector<std::optional<std::string>>(1));
}

}  // namespace
}  // namespace capsule
