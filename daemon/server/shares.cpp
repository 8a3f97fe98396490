#include "daemon/server/shares.hpp"

#include <time.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

namespace capsule {
namespace asio = boost::asio;
namespace {

/// The thread's own time. What a processor does for others meanwhile is no user's.
struct Clock {
    using duration = std::chrono::nanoseconds;
    static duration now() {
        timespec spent{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
        return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
    }
};

/// After so long the loop sees what else has come. Steps are mostly shorter.
constexpr std::chrono::microseconds slice{100};

}  // namespace

struct Shares::User {
    bool empty() const { return to_begin.empty() && in_work.empty(); }

    /// What is in work goes first: of a user that is only as much as [limits] requests_per_user. But what comes to it
    /// meanwhile has to wait until one more has begun.
    std::unique_ptr<Step> next() {
        auto& from = to_begin.empty() || (before_next > 0 && !in_work.empty()) ? in_work : to_begin;
        std::unique_ptr<Step> step = std::move(from.front());
        from.pop_front();
        before_next = &from == &in_work && before_next > 0 ? before_next - 1 : in_work.size();
        return step;
    }

    std::deque<std::unique_ptr<Step>> to_begin, in_work;
    std::size_t before_next = 0;  ///< steps of `in_work` that go before the next of `to_begin`
    /// What the user has had. Who comes back has had as much as who is at it now, or more: nobody saves time up.
    Clock::duration had{};
};

struct Shares::State : std::enable_shared_from_this<State> {
    explicit State(asio::any_io_executor the_loops) : executor(std::move(the_loops)) {}

    void add(const std::shared_ptr<User>& user, bool in_work, std::unique_ptr<Step> step) {
        const std::lock_guard lock(mutex);
        if (closed) return;
        if (user->empty()) {
            user->had = std::max(user->had, now);
            ready.push_back(user);
        }
        (in_work ? user->in_work : user->to_begin).push_back(std::move(step));
        go_on();
    }

    /// Steps for a slice of time. Then others of the loop have their turn.
    void run() {
        const Clock::duration began = Clock::now();
        Clock::duration last = began;
        std::shared_ptr<User> user;
        std::unique_lock lock(mutex);
        const AtEnd end{*this, lock};
        while (!ready.empty() && last - began < slice) {
            const auto found =
                std::ranges::min_element(ready, {}, [](const std::shared_ptr<User>& each) { return each->had; });
            user = *found;
            now = user->had;
            const std::unique_ptr<Step> step = user->next();
            if (user->empty()) ready.erase(found);
            lock.unlock();
            step->take();
            const Clock::duration done = Clock::now();
            lock.lock();
            user->had += done - std::exchange(last, done);
        }
    }

    void go_on() {
        if (going_on || ready.empty() || closed) return;
        going_on = true;
        asio::post(executor, [self = shared_from_this()] { self->run(); });
    }

    /// A step may throw.
    struct AtEnd {
        ~AtEnd() {
            if (!lock) lock.lock();
            state.going_on = false;
            state.go_on();
        }
        State& state;
        std::unique_lock<std::mutex>& lock;
    };

    asio::any_io_executor executor;
    std::mutex mutex;  ///< other threads tell of what they have done
    std::map<uid_t, std::weak_ptr<User>> users;
    std::vector<std::shared_ptr<User>> ready;  ///< those with a step to take
    Clock::duration now{};                     ///< what whoever had the last step had had before
    bool going_on = false;
    bool closed = false;
};

Shares::Seat::Seat(std::shared_ptr<State> state, std::shared_ptr<User> user)
    : state_(std::move(state)), user_(std::move(user)) {}

void Shares::Seat::add(std::unique_ptr<Step> step) const {
    state_->add(user_, in_work_, std::move(step));
}

asio::execution_context& Shares::Executor::query(asio::execution::context_t) const noexcept {
    return asio::query(seat_->state_->executor, asio::execution::context);
}

Shares::Shares(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

Shares::~Shares() {
    std::vector<std::shared_ptr<User>> dropped;
    {
        const std::lock_guard lock(state_->mutex);
        state_->closed = true;
        dropped.swap(state_->ready);
    }
    // What ends with a step may belong to the same user.
    for (const auto& user : dropped)
        while (!user->empty())
            const std::unique_ptr<Step> step = user->next();
}

std::shared_ptr<Shares::Seat> Shares::seat_of(uid_t uid) {
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->users, [](const auto& each) { return each.second.expired(); });
    std::weak_ptr<User>& known = state_->users[uid];
    std::shared_ptr<User> user = known.lock();
    if (!user) known = user = std::make_shared<User>();
    return std::make_shared<Seat>(state_, std::move(user));
}

}  // namespace capsule
