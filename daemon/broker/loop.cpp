#include "daemon/broker/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "daemon/broker/descriptor.hpp"

namespace capsule::broker {
namespace {

constexpr std::size_t events_at_once = 128;
/// Of one owner. Whoever has a request waits some rounds for it, each as long as this for every other who is busy.
constexpr std::chrono::milliseconds time_in_a_round{2};

int require(int descriptor, const char* what) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
    return descriptor;
}

}  // namespace

/// The outermost coroutine of what is spawned: it is its own owner.
struct Loop::Root {
    struct promise_type {
        promise_type(Loop& in, Task<void>&)
            : loop(in),
              at(in.roots_.insert(in.roots_.end(), std::coroutine_handle<promise_type>::from_promise(*this))) {}
        ~promise_type() { loop.roots_.erase(at); }
        Root get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept {}

        Loop& loop;
        std::list<std::coroutine_handle<>>::iterator at;
    };
};

Loop::Mailbox::Mailbox() : bell_(require(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {}

void Loop::Mailbox::post(std::function<void()> what) {
    const std::lock_guard<std::mutex> guard(lock_);
    posted_.push_back(std::move(what));
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t rung = ::write(bell_.get(), &one, sizeof one);
}

Loop::Loop()
    : epoll_(require(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      alarm_(require(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")),
      mailbox_(new Mailbox),
      bell_(std::make_unique<Descriptor>(*this, UniqueFd(require(::dup(mailbox_->bell_.get()), "dup")))) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};  // nobody reads it: that it rings is all it says
    require(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, alarm_.get(), &event), "epoll_ctl");
    spawn(empty_mailbox());
}

Loop::~Loop() {
    while (!roots_.empty())
        roots_.front().destroy();
}

Loop::Root Loop::drive([[maybe_unused]] Loop& loop, Task<void> task) {
    co_await task;
}

void Loop::spawn(Task<void> task) {
    drive(*this, std::move(task));
}

Task<void> Loop::empty_mailbox() {
    bool open = true;
    while (open) {
        open = co_await bell_->readable();
        bell_->nothing_to_read();  // each ring is told, whether or not the last one has been read
        std::vector<std::function<void()>> posted;
        {
            const std::lock_guard<std::mutex> guard(mailbox_->lock_);
            posted.swap(mailbox_->posted_);
        }
        for (const auto& each : posted)
            each();
    }
}

void Loop::run() {
    std::array<epoll_event, events_at_once> events;
    while (!stopped_) {
        set_alarm();
        const int count =
            ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), ready_.empty() ? -1 : 0);
        now_ = Clock::now();
        // All are told before anybody runs, who might close one of them.
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.ptr != nullptr)
                static_cast<Descriptor*>(event.data.ptr)->told(event.events);
            else
                alarm_at_ = Clock::time_point::max();  // it has rung
        }
        fire_timers();
        going_.swap(ready_);
        go_round();
        going_.clear();
    }
}

/// Everybody who is ready, in their order, but of each owner no more than what fits into its time.
void Loop::go_round() {
    if (going_.size() == 1 && !stopped_) return going_.front().who.resume();  // nobody waits for it
    used_.clear();
    auto last = Clock::now();
    for (const Ready& each : going_) {
        if (stopped_) return;
        auto used = std::ranges::find(used_, each.owner, &std::pair<Owner, Clock::duration>::first);
        if (used == used_.end()) used = used_.insert(used, {each.owner, {}});
        if (each.owner != 0 && used->second >= time_in_a_round) {
            later_.push_back(each);
            continue;
        }
        each.who.resume();
        const auto now = Clock::now();
        used->second += now - last;
        last = now;
    }
    ready_.insert(ready_.begin(), later_.begin(), later_.end());
    later_.clear();
}

void Loop::set_alarm() {
    const auto first = timers_.empty() ? Clock::time_point::max() : timers_.begin()->first;
    if (std::exchange(alarm_at_, first) == first) return;
    itimerspec after{};  // of zeros: never
    if (!timers_.empty()) {
        const auto left = std::max(first - Clock::now(), Clock::duration(1));
        const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
        after.it_value = {seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
    }
    ::timerfd_settime(alarm_.get(), 0, &after, nullptr);
}

void Loop::fire_timers() {
    while (!timers_.empty() && timers_.begin()->first <= now_) {
        Timer& timer = *timers_.begin()->second;
        timers_.erase(timer.at_);
        timer.runs_ = false;
        const auto what = std::move(timer.what_);
        what();
    }
}

Wait::~Wait() {
    if (!waits_) return;
    Wait** at = place_;
    while (*at != this)
        at = &(*at)->next_;
    *at = next_;
}

void Wait::end(Wait*& place, bool good) {
    for (Wait* wait = std::exchange(place, nullptr); wait != nullptr; wait = wait->next_) {
        wait->waits_ = false;
        wait->good_ = good;
        wait->loop_.ready_.push_back({wait->who_, wait->owner_});
    }
}

void Timer::start(Clock::duration after, std::function<void()> what) {
    cancel();
    what_ = std::move(what);
    at_ = loop_.timers_.emplace(Clock::now() + after, this);
    runs_ = true;
}

void Timer::cancel() noexcept {
    if (std::exchange(runs_, false)) loop_.timers_.erase(at_);
}

}  // namespace capsule::broker
