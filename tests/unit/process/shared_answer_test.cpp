#include "daemon/process/shared_answer.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <new>
#include <optional>
#include <vector>

namespace capsule {
namespace {

namespace asio = boost::asio;

/// The answers are 1, 2 and so on; each is given when the test says so.
class SharedAnswers : public testing::Test {
  protected:
    using Answer = SharedAnswer<int>;

    asio::awaitable<int> answer() {
        const int own = ++asked_;
        boost::system::error_code ignored;
        co_await gate_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (fails_) throw std::bad_alloc();
        co_return own;
    }

    asio::awaitable<void> wait(Answer::TimePoint end) {
        Answer::Question question = [this] { return answer(); };
        told_.push_back(co_await answers_.ask(std::move(question), end));
    }

    void ask(Answer::TimePoint end = Answer::TimePoint::max()) {
        asio::co_spawn(io_, wait(end), asio::detached);
        go_on();
    }

    void give_answer() {
        gate_.cancel();
        go_on();
    }

    void go_on() {
        io_.restart();
        io_.poll();
    }

    asio::io_context io_;
    asio::steady_timer gate_{io_, asio::steady_timer::time_point::max()};
    Answer answers_{io_.get_executor()};
    std::vector<std::optional<int>> told_;
    int asked_ = 0;
    bool fails_ = false;
};

TEST_F(SharedAnswers, AllWhoComeMeanwhileHaveTheNextOne) {
    for (int i = 0; i < 4; ++i)
        ask();
    EXPECT_EQ(asked_, 1);
    give_answer();
    EXPECT_EQ(told_, (std::vector<std::optional<int>>{1}));
    EXPECT_EQ(asked_, 2);
    give_answer();
    EXPECT_EQ(told_, (std::vector<std::optional<int>>{1, 2, 2, 2}));
    ask();
    EXPECT_EQ(asked_, 3);
}

TEST_F(SharedAnswers, NoSecondQuestionBeforeTheFirstIsAnswered) {
    for (int i = 0; i < 4; ++i)
        ask(Answer::TimePoint::min());
    EXPECT_EQ(told_, std::vector<std::optional<int>>(4)) << "none of them waits";
    EXPECT_EQ(asked_, 1);
    give_answer();
    give_answer();
    EXPECT_EQ(asked_, 2);
    ask();
    give_answer();
    EXPECT_EQ(told_.back(), 3);
}

TEST_F(SharedAnswers, GoOnAfterOneThatFailed) {
    ask();
    ask();
    fails_ = true;
    give_answer();
    EXPECT_EQ(told_, std::vector<std::optional<int>>(1));
    fails_ = false;
    give_answer();
    EXPECT_EQ(told_.back(), 2);
}

}  // namespace
}  // namespace capsule
