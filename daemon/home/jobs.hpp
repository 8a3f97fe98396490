// Which job of the home's has a thread next, and which threads there are. All of it is under one lock, which the
// caller's thread and the others share.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "daemon/home/worker.hpp"

namespace capsule {

struct HomeWorker::Job {
    Asker asker = first;
    std::shared_ptr<Seat> seat;  ///< none: it waits
    std::function<void()> work;
    std::chrono::steady_clock::time_point end;
    std::function<void(std::exception_ptr)> tell;  ///< none: nobody waits any more
    std::exception_ptr failure;
};

/// One thread.
struct HomeWorker::Seat {
    pthread_t thread{};
    std::condition_variable wake;
    bool left_behind = false;
};

struct HomeWorker::Shared {
    using Queue = std::deque<std::shared_ptr<Job>>;

    explicit Shared(int wake_) : wake(wake_) {}

    const int wake;  ///< an eventfd, which tells the caller's thread that a job is over

    std::mutex mutex;
    Queue queue;
    Queue over;               ///< whose waiters are not told yet
    std::size_t started = 0;  ///< threads that serve, or are about to
    std::size_t serving = 0;
    std::exception_ptr cannot_serve;  ///< why one that was started does not
    std::condition_variable first_is_known;
    std::vector<std::shared_ptr<Seat>> idle;  ///< the last one is woken first: it has at hand what jobs use
    std::map<Asker, std::uint64_t> served;    ///< the number of the asker's last turn
    std::uint64_t turns = 0;
    std::size_t most_of_others = 1;  ///< jobs of all but root
    std::multiset<Asker> under_way;  ///< the users whose jobs run
    std::multiset<Asker> stuck;      ///< whose jobs were left behind, and of which kind
    bool closed = false;

    /// Counts one that the caller starts, if there are not so many yet.
    bool may_start(std::size_t threads);
    /// The one that was to start does not serve. Gives how many are left.
    std::size_t forget_started(std::exception_ptr why);
    /// Whether the first thread does. Waits until that is known.
    std::exception_ptr why_none_serves();
    /// What a thread does: it takes the jobs, one after the other, until it is left behind.
    void serve(const std::shared_ptr<Seat>& own);
    /// Calls the waiters of the jobs that are over.
    void tell_ends();

    /// Gives the thread that is to be woken for it, if one is to be.
    std::shared_ptr<Seat> add(const std::shared_ptr<Job>& job);
    /// False: it has begun.
    bool take_back(const std::shared_ptr<Job>& job);
    /// A signal for the thread that runs the job; false: it has come to its end.
    bool interrupt(const Job& job);
    /// False: the thread has come back after all.
    bool leave_behind(const Job& job);
    bool must_be_refused(Asker asker);
    /// The threads end when no job waits.
    void close();

  private:
    bool may_begin(Asker asker) const;
    bool has_too_many_stuck(Asker asker) const;
    /// Of the threads that serve, those of root are no other's, as far as there are enough.
    void keep_for_root();
    void end(const std::shared_ptr<Job>& job, std::exception_ptr failure);
    void end_all_if_none_serves();
    Queue::iterator find_next();
    std::shared_ptr<Job> take(Queue::iterator next);
    std::shared_ptr<Seat> take_idle();
    void wake_one();
    void wake_all();
};

}  // namespace capsule
