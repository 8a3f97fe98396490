// The I/O thread's time, shared among users. Whatever is to go on for one of them (a line to be read and answered, a
// request that has waited for something) stands in that user's queue. Next is always the one who has had least of the
// thread's time, so a user waits for one step of another one's, however many connections and lines that one sends.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <memory>
#include <utility>

namespace capsule {

class Shares {
  private:
    struct State;
    struct User;
    struct Step {
        Step() = default;
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;
        virtual ~Step() = default;
        virtual void take() = 0;
    };
    template <class Function>
    struct StepOf : Step {
        explicit StepOf(Function&& taken) : function(std::move(taken)) {}
        void take() override { std::move(function)(); }
        Function function;
    };

  public:
    /// What one connection has of its user's time.
    class Seat {
      public:
        Seat(std::shared_ptr<State> state, std::shared_ptr<User> user);

        /// Lives while a request of the connection is in work. Its steps go before what has not begun, where somebody
        /// else may wait for the same thing.
        class InWork {
          public:
            explicit InWork(Seat& seat) noexcept : seat_(seat) { seat_.in_work_ = true; }
            InWork(const InWork&) = delete;
            InWork& operator=(const InWork&) = delete;
            ~InWork() { seat_.in_work_ = false; }

          private:
            Seat& seat_;
        };

      private:
        friend class Shares;
        void add(std::unique_ptr<Step> step) const;

        std::shared_ptr<State> state_;
        std::shared_ptr<User> user_;
        std::atomic<bool> in_work_ = false;
    };

    /// For asio: what it is given becomes a step of the seat's user. May be called on any thread.
    class Executor {
      public:
        explicit Executor(std::shared_ptr<Seat> seat) noexcept : seat_(std::move(seat)) {}

        template <class Function>
        void execute(Function function) const {
            seat_->add(std::make_unique<StepOf<Function>>(std::move(function)));
        }
        boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept;
        static constexpr boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) noexcept {
            return boost::asio::execution::blocking.never;
        }
        bool operator==(const Executor&) const noexcept = default;

      private:
        std::shared_ptr<Seat> seat_;
    };

    explicit Shares(boost::asio::any_io_executor executor);
    /// What stands in a queue is dropped, then and later.
    ~Shares();
    Shares(const Shares&) = delete;
    Shares& operator=(const Shares&) = delete;

    std::shared_ptr<Seat> seat_of(uid_t uid);

  private:
    std::shared_ptr<State> state_;
};

}  // namespace capsule
