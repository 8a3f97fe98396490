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
};

/// One thread.
struct HomeWorker::Seat {
    pthread_t thread{};
    std::condition_variable wake;
    bool left_behind = false;
};

struct HomeWorker::Shared {
    using Queue = std::deque<std::shared_ptr<Job>>;

    std::mutex mutex;
    Queue queue;
    std::vector<std::shared_ptr<Seat>> idle;  ///< the last one is woken first: it has at hand what jobs use
    std::map<Asker, std::uint64_t> served;    ///< the number of the asker's last turn
    std::uint64_t turns = 0;
    std::size_t most_of_others = 1;  ///< jobs of all but root
    std::multiset<Asker> under_way;  ///< the users whose jobs run
    std::multiset<Asker> stuck;      ///< whose jobs were left behind, and of which kind
    bool closed = false;

    /// What a thread does: it takes the jobs, one after the other, until it is left behind.
    void serve(const std::shared_ptr<Seat>& own);

    /// Gives the thread that is to be woken for it, if one is to be.
    std::shared_ptr<Seat> add(const std::shared_ptr<Job>& job);
    /// False: it has begun.
    bool take_back(const std::shared_ptr<Job>& job);
    /// A signal for the thread that runs the job; false: it has come to its end.
    bool interrupt(const Job& job);
    /// False: the thread has come back after all.
    bool leave_behind(const Job& job);
    bool must_be_refused(Asker asker);
    /// Of so many threads that there are, those of root are no other's, as far as there are enough.
    void keep_for_root(std::size_t threads);
    /// The threads end when no job waits.
    void close();

  private:
    bool may_begin(Asker asker) const;
    bool has_too_many_stuck(Asker asker) const;
    Queue::iterator find_next();
    std::shared_ptr<Job> take(Queue::iterator next);
    std::shared_ptr<Seat> take_idle();
    void wake_one();
    void wake_all();
};

}  // namespace capsule
