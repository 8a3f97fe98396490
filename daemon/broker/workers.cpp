#include "daemon/broker/workers.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

namespace capsule::broker {

/// They are never joined: what they compute cannot be stopped, and nobody waits for it at the end.
Workers::~Workers() {
    const std::lock_guard guard(threads_->lock);
    threads_->ended = true;
    threads_->changed.notify_all();
}

void Workers::Threads::serve() {
    std::unique_lock guard(lock);
    for (;;) {
        changed.wait(guard, [&] { return ended || !waiting.empty(); });
        if (ended) return;
        auto next = std::move(waiting.front());
        waiting.pop();
        guard.unlock();
        next();
        next = nullptr;
        guard.lock();
    }
}

void Workers::start() {
    try {
        for (; count_ < most_threads; ++count_)
            std::thread([threads = threads_] { threads->serve(); }).detach();
    } catch (const std::system_error&) {  // it is tried again
    }
}

Task<void> Workers::run(std::shared_ptr<Work> work, Owner owner, std::string place) {
    if (count_ < most_threads) start();
    work->refused = count_ == 0;
    if (work->refused) co_return;
    jobs_.push_back({work, owner, std::move(place)});
    start_next();
    co_await work->done.wait();
}

bool Workers::must_wait(const Job& job) const {
    std::size_t running = 0;
    for (const Job& other : jobs_)
        if (other.runs && other.owner == job.owner && (++running == most_of_an_owner || other.place == job.place))
            return true;
    return false;
}

/// Of whoever has waited longest for a turn, and may have one, the oldest.
Workers::Handle Workers::next() {
    Handle out = jobs_.end();
    std::uint64_t last_turn = 0;
    for (Handle job = jobs_.begin(); job != jobs_.end(); ++job) {
        if (job->runs) continue;
        const auto found = served_.find(job->owner);
        const std::uint64_t turn = found == served_.end() ? 0 : found->second;
        if ((out == jobs_.end() || turn < last_turn) && !must_wait(*job)) {
            out = job;
            last_turn = turn;
        }
    }
    return out;
}

void Workers::start_next() {
    std::erase_if(jobs_, [](const Job& job) { return !job.runs && job.work.expired(); });
    auto running = static_cast<std::size_t>(std::ranges::count(jobs_, true, &Job::runs));
    for (Handle job = next(); job != jobs_.end() && running < count_; job = next()) {
        const auto work = job->work.lock();
        job->runs = true;
        ++running;
        constexpr std::size_t most_owners = 1024;
        if (served_.size() >= most_owners) served_.clear();
        served_[job->owner] = ++turns_;
        auto compute = [job, compute = work->compute, mailbox = loop_.mailbox(), self = weak_from_this()]() mutable {
            compute();
            compute = nullptr;  // before anybody is told
            mailbox->post([job, self] {
                if (const auto workers = self.lock()) workers->is_done(job);
            });
        };
        const std::lock_guard guard(threads_->lock);
        threads_->waiting.push(std::move(compute));
        threads_->changed.notify_one();
    }
}

void Workers::is_done(Handle job) {
    if (const auto work = job->work.lock()) work->done.fire();
    jobs_.erase(job);
    start_next();
}

}  // namespace capsule::broker
