// What the broker's one thread does next: descriptors that have become ready, timers, and the coroutines that wait for
// them. Asio's reactor would ask the kernel anew for each wait, and try each read twice.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/broker/task.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule::broker {

using Clock = std::chrono::steady_clock;

/// Whose work it is: of users who keep the thread busy each has as much time as another. 0: the broker's own, which
/// goes first.
using Owner = std::uint64_t;

class Descriptor;
class Wait;

class Loop {
  public:
    /// Throws std::system_error when the kernel has no descriptor left.
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Until stop(). What a timer throws, it throws.
    void run();
    void stop() noexcept { stopped_ = true; }

    /// Runs it now until it waits, and goes on with it later. What it throws is dropped with it.
    void spawn(Task<void> task);

    /// The time when the kernel was asked last: what happens together has one time.
    Clock::time_point now() const noexcept { return now_; }

    /// co_await others_have_their_turn(): every other coroutine that is ready goes first.
    auto others_have_their_turn(Owner owner) noexcept {
        struct Pause {
            Loop& loop;
            Owner owner;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> who) const { loop.ready_.push_back({who, owner}); }
            void await_resume() const noexcept {}
        };
        return Pause{*this, owner};
    }

    /// From any thread: `what` is called on this one, unless the loop has ended before.
    class Mailbox {
      public:
        void post(std::function<void()> what);

      private:
        friend Loop;
        Mailbox();
        std::mutex lock_;
        std::vector<std::function<void()>> posted_;
        UniqueFd bell_;
    };
    const std::shared_ptr<Mailbox>& mailbox() const noexcept { return mailbox_; }

  private:
    friend Descriptor;
    friend Wait;
    friend class Timer;
    struct Root;
    using Timers = std::multimap<Clock::time_point, class Timer*>;

    struct Ready {
        std::coroutine_handle<> who;
        Owner owner;
    };

    static Root drive(Loop& loop, Task<void> task);
    Task<void> empty_mailbox();
    void set_alarm();
    void fire_timers();
    void go_round();

    UniqueFd epoll_;
    UniqueFd alarm_;  ///< a timer of the kernel's, for the first of ours: else each wait would set up one of its own
    Clock::time_point alarm_at_ = Clock::time_point::max();
    std::shared_ptr<Mailbox> mailbox_;
    std::unique_ptr<Descriptor> bell_;  ///< the mailbox's
    std::vector<Ready> ready_, going_;
    std::vector<Ready> later_;                             ///< of going_: their owners have had their time of the round
    std::vector<std::pair<Owner, Clock::duration>> used_;  ///< in this round
    std::list<std::coroutine_handle<>> roots_;             ///< each of spawn()
    Timers timers_;
    Clock::time_point now_ = Clock::now();
    bool stopped_ = false;
};

/// co_await of one gives whether what was waited for has come; false: it never will. A place is the list of those that
/// wait there; whichever of the two ends first lets go of the other.
class [[nodiscard]] Wait {
  public:
    /// `next_round`: it has come, and others have their turn first.
    Wait(Loop& loop, Wait*& place, bool ready, bool good, Owner owner = 0, bool next_round = false) noexcept
        : loop_(loop), place_(&place), owner_(owner), ready_(ready), good_(good), next_round_(next_round) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait();

    bool await_ready() const noexcept { return ready_ && !next_round_; }
    void await_suspend(std::coroutine_handle<> who) {
        if (next_round_) return loop_.ready_.push_back({who, owner_});
        who_ = who;
        waits_ = true;
        next_ = std::exchange(*place_, this);
    }
    bool await_resume() const noexcept { return good_; }

    /// Lets all who wait there go on soon.
    static void end(Wait*& place, bool good);

  private:
    Loop& loop_;
    Wait** place_;
    Wait* next_ = nullptr;
    std::coroutine_handle<> who_;
    Owner owner_;
    bool ready_, good_, next_round_, waits_ = false;
};

/// Something that happens once, and one coroutine that waits for it.
class Signal {
  public:
    explicit Signal(Loop& loop, Owner owner = 0) noexcept : loop_(loop), owner_(owner) {}
    void fire() {
        fired_ = true;
        Wait::end(waiting_, true);
    }
    Wait wait() noexcept { return {loop_, waiting_, fired_, true, owner_}; }

  private:
    Loop& loop_;
    Owner owner_;  ///< of the one who waits
    Wait* waiting_ = nullptr;
    bool fired_ = false;
};

/// Of a coroutine that goes on while there is something to do: whether others should have their turn.
class Turn {
  public:
    /// After each step. The first begins the turn.
    bool is_over() noexcept {
        const auto now = Clock::now();
        if (std::exchange(runs_, true)) return now - begin_ >= length;
        begin_ = now;
        return false;
    }
    /// It has waited.
    void end() noexcept { runs_ = false; }

  private:
    /// Some megabytes of a stream pass in it; nobody notices it.
    static constexpr std::chrono::milliseconds length{1};

    Clock::time_point begin_;
    bool runs_ = false;
};

class Timer {
  public:
    explicit Timer(Loop& loop) noexcept : loop_(loop) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Calls `what` once, so much later. An earlier call that has not come is forgotten.
    void start(Clock::duration after, std::function<void()> what);
    void cancel() noexcept;

  private:
    friend Loop;

    Loop& loop_;
    Loop::Timers::iterator at_;
    bool runs_ = false;
    std::function<void()> what_;
};

}  // namespace capsule::broker
