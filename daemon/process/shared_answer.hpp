// What several ask another program for, which answers in its own time: one question is under way at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/process/essential.hpp"
#include "daemon/process/shared_run.hpp"

namespace capsule {

/// For one thread.
template <class T>
class SharedAnswer {
  public:
    /// Ends when the question is answered, or never will be.
    using Question = std::function<boost::asio::awaitable<T>()>;
    using TimePoint = typename SharedRun<T>::TimePoint;

    explicit SharedAnswer(boost::asio::any_io_executor executor)
        : state_(std::make_shared<State>(std::move(executor))) {}

    /// `question` is the same each time. Whoever comes while it is under way has the answer of the next one, which all
    /// of them share, so that nothing is missing that had happened when they came. None: it was not there by `end`. The
    /// question goes on all the same, and no other is asked before it has ended.
    boost::asio::awaitable<std::optional<T>> ask(Question question, TimePoint end) {
        const auto state = state_;
        auto& place = state->now ? state->next : state->now;
        const bool is_first = !state->now;
        if (!place) place = std::make_shared<SharedRun<T>>(state->executor);
        const auto own = place;
        if (is_first) spawn_essential(state->executor, go_on(state, std::move(question)));
        co_return co_await own->wait(end);
    }

  private:
    struct State {
        explicit State(boost::asio::any_io_executor io) : executor(std::move(io)) {}

        boost::asio::any_io_executor executor;
        std::shared_ptr<SharedRun<T>> now, next;  ///< under way; begins when that one has ended
    };

    static boost::asio::awaitable<void> go_on(std::shared_ptr<State> state, Question question) {
        while (const auto now = state->now) {
            try {
                co_await now->run(question());
            } catch (const std::exception&) {
                // Those that wait have no answer.
            }
            state->now = std::exchange(state->next, nullptr);
        }
    }

    std::shared_ptr<State> state_;
};

}  // namespace capsule
