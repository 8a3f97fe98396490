#include "daemon/broker/workers.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

namespace capsule::broker {

Task<void> Workers::run(std::shared_ptr<Work> work, Owner owner) {
    jobs_.push_back({work, owner});
    start_next();
    co_await work->done.wait();
}

void Workers::start_next() {
    auto running = static_cast<std::size_t>(std::ranges::count(jobs_, true, &Job::runs));
    for (auto next = jobs_.begin(); next != jobs_.end() && running < most_threads;) {
        const Place job = next++;
        if (job->runs) continue;
        const auto is_busy = [&](const Job& other) { return other.runs && other.owner == job->owner; };
        if (std::ranges::any_of(jobs_, is_busy)) continue;
        const auto work = job->work.lock();
        if (!work) {
            jobs_.erase(job);
            continue;
        }
        job->runs = true;
        ++running;
        start(job, work);
    }
}

/// The thread is never joined: what it computes cannot be stopped, and nobody waits for it at the end.
void Workers::start(Place job, const std::shared_ptr<Work>& work) {
    const auto tell = [job, mailbox = loop_.mailbox(), self = weak_from_this()] {
        mailbox->post([job, self] {
            if (const auto workers = self.lock()) workers->is_done(job);
        });
    };
    try {
        std::thread([compute = work->compute, tell] {
            compute();
            tell();
        }).detach();
    } catch (const std::system_error&) {
        work->compute();
        tell();
    }
}

void Workers::is_done(Place job) {
    if (const auto work = job->work.lock()) work->done.fire();
    jobs_.erase(job);
    start_next();
}

}  // namespace capsule::broker
