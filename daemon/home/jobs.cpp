#include "daemon/home/jobs.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "daemon/base/time_limit.hpp"
#include "daemon/process/interrupt.hpp"
#include "daemon/process/memory_after.hpp"
#include "daemon/process/stack_wiper.hpp"

namespace capsule {
namespace {

constexpr HomeWorker::Asker kind_of(HomeWorker::Asker asker) {
    return asker >> 32;
}

/// Does it, and gives how it failed.
std::exception_ptr end_of(std::function<void()>& work, std::chrono::steady_clock::time_point end) {
    set_time_limit(end);
    std::exception_ptr failure;
    try {
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    work = nullptr;  // what it holds goes here, and not where the waiter is
    return failure;
}

}  // namespace

bool HomeWorker::Shared::may_start(std::size_t threads) {
    const std::lock_guard lock(mutex);
    if (started >= threads) return false;
    ++started;
    return true;
}

std::size_t HomeWorker::Shared::forget_started(std::exception_ptr why) {
    const std::lock_guard lock(mutex);
    --started;
    cannot_serve = std::move(why);
    end_all_if_none_serves();
    first_is_known.notify_all();
    return started;
}

std::exception_ptr HomeWorker::Shared::why_none_serves() {
    std::unique_lock lock(mutex);
    first_is_known.wait(lock, [&] { return serving > 0 || started == 0; });
    return serving > 0 ? nullptr : cannot_serve;
}

void HomeWorker::Shared::end(const std::shared_ptr<Job>& job, std::exception_ptr failure) {
    if (!job->tell) return;
    job->failure = std::move(failure);
    over.push_back(job);
    ::eventfd_write(wake, 1);
}

void HomeWorker::Shared::end_all_if_none_serves() {
    if (started > 0) return;
    for (const auto& job : std::exchange(queue, {}))
        end(job, cannot_serve);
}

void HomeWorker::Shared::tell_ends() {
    std::unique_lock lock(mutex);
    eventfd_t ignored = 0;
    ::eventfd_read(wake, &ignored);
    for (const auto& job : std::exchange(over, {}))
        if (const auto tell = std::exchange(job->tell, nullptr)) tell(std::exchange(job->failure, nullptr));
}

void HomeWorker::Shared::serve(const std::shared_ptr<Seat>& own) {
    Seat& seat = *own;
    std::unique_lock lock(mutex);
    seat.thread = ::pthread_self();
    ++serving;
    keep_for_root();
    first_is_known.notify_all();
    while (!seat.left_behind) {
        auto next = find_next();
        for (; next == queue.end(); next = find_next()) {
            if (closed) return;
            idle.push_back(own);
            seat.wake.wait(lock);
            std::erase(idle, own);
        }
        const std::shared_ptr<Job> job = take(next);
        job->seat = own;
        lock.unlock();
        const auto began = std::chrono::steady_clock::now();
        std::exception_ptr failure = end_of(job->work, job->end);
        lock.lock();
        end(job, std::move(failure));
        job->seat = nullptr;
        if (seat.left_behind)
            stuck.erase(stuck.find(job->asker));
        else
            under_way.erase(under_way.find(user_of(job->asker)));
        if (seat.left_behind) wake_all();  // for those that had to wait until this one came back
        lock.unlock();
        // Whatever way the job ended, the stack held what it read and wrote. Its caller does not wait for this.
        wipe_stack();
        give_back_if_long(std::chrono::steady_clock::now() - began);
        lock.lock();
    }
}

bool HomeWorker::Shared::may_begin(Asker asker) const {
    if (has_too_many_stuck(asker)) return false;
    const std::size_t of_root = under_way.count(first);
    if (user_of(asker) == first) return of_root < home_threads_of_root;
    return !under_way.contains(user_of(asker)) && under_way.size() - of_root < most_of_others;
}

/// Of whoever has waited longest for a turn, and may have one, the oldest.
HomeWorker::Shared::Queue::iterator HomeWorker::Shared::find_next() {
    const auto last_turn = [&](Asker asker) {
        if (user_of(asker) == first) return std::uint64_t{0};
        const auto found = served.find(user_of(asker));
        return found == served.end() ? 1 : 1 + found->second;
    };
    auto out = queue.end();
    for (auto job = queue.begin(); job != queue.end(); ++job) {
        const Asker asker = (*job)->asker;
        if ((out == queue.end() || last_turn(asker) < last_turn((*out)->asker)) && may_begin(asker)) out = job;
    }
    return out;
}

std::shared_ptr<HomeWorker::Job> HomeWorker::Shared::take(Queue::iterator next) {
    std::shared_ptr<Job> job = std::move(*next);
    queue.erase(next);
    under_way.insert(user_of(job->asker));
    constexpr std::size_t most_askers = 1024;
    if (served.size() >= most_askers) served.clear();
    served[user_of(job->asker)] = ++turns;
    return job;
}

std::shared_ptr<HomeWorker::Seat> HomeWorker::Shared::add(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex);
    queue.push_back(job);
    end_all_if_none_serves();
    return may_begin(job->asker) ? take_idle() : nullptr;
}

std::shared_ptr<HomeWorker::Seat> HomeWorker::Shared::take_idle() {
    if (idle.empty()) return nullptr;
    auto out = std::move(idle.back());
    idle.pop_back();
    return out;
}

void HomeWorker::Shared::wake_one() {
    if (const auto seat = take_idle()) seat->wake.notify_one();
}

bool HomeWorker::Shared::take_back(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex);
    return std::erase(queue, job) > 0;
}

bool HomeWorker::Shared::interrupt(const Job& job) {
    const std::lock_guard lock(mutex);
    return job.seat && ::pthread_kill(job.seat->thread, interrupting_signal()) == 0;
}

bool HomeWorker::Shared::leave_behind(const Job& job) {
    const std::lock_guard lock(mutex);
    if (!job.seat) return false;
    job.seat->left_behind = true;
    under_way.erase(under_way.find(user_of(job.asker)));
    stuck.insert(job.asker);
    --started;
    --serving;
    keep_for_root();
    return true;
}

bool HomeWorker::Shared::has_too_many_stuck(Asker asker) const {
    const std::size_t most = most_stuck_home_threads + (user_of(asker) == first ? home_threads_of_root : 0);
    const auto same_kind = [kind = kind_of(asker)](Asker each) { return kind_of(each) == kind; };
    return stuck.count(asker) >= most_stuck_of_an_asker ||
           static_cast<std::size_t>(std::ranges::count_if(stuck, same_kind)) >= most;
}

bool HomeWorker::Shared::must_be_refused(Asker asker) {
    const std::lock_guard lock(mutex);
    return has_too_many_stuck(asker);
}

void HomeWorker::Shared::wake_all() {
    while (!idle.empty())
        wake_one();
}

void HomeWorker::Shared::keep_for_root() {
    most_of_others = serving > home_threads_of_root ? serving - home_threads_of_root : 1;
    wake_all();
}

void HomeWorker::Shared::close() {
    const std::lock_guard lock(mutex);
    closed = true;
    wake_all();
}

}  // namespace capsule
