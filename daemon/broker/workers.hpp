// What takes the processor for long goes to threads of its own: no session's work holds up another user's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <string>

#include "daemon/broker/loop.hpp"

namespace capsule::broker {

/// Something to be computed, and one who waits for it.
struct Work {
    Work(Loop& loop, std::function<void()> what, Owner owner = 0) : compute(std::move(what)), done(loop, owner) {}

    /// Owns all that it uses: it may run for longer than anybody waits for it, and than the loop.
    std::function<void()> compute;
    Signal done;
    bool refused = false;  ///< nobody can do it: the system had no thread to give
};

/// Each owner has two threads at a time, and of these one for each place that it goes to: one bad provider holds up
/// no other. Whoever has waited longest for a turn has the next one. Lives on the loop's thread, and on no other.
class Workers : public std::enable_shared_from_this<Workers> {
  public:
    explicit Workers(Loop& loop) : loop_(loop), threads_(std::make_shared<Threads>()) {}
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// Starts the threads that are missing. They are there before they are needed: agents may take up all the processes
    /// and threads that the system has for both.
    void start();

    /// Whoever fires `work->done` before has waited long enough. Work that has not begun when the last one has let go
    /// of it is not done any more.
    Task<void> run(std::shared_ptr<Work> work, Owner owner, std::string place);

    /// Enough that a user with bad providers leaves some to others. Each takes some pages of memory.
    static constexpr std::size_t most_threads = 4, most_of_an_owner = 2;

  private:
    struct Job {
        std::weak_ptr<Work> work;
        Owner owner;
        std::string place;
        bool runs = false;
    };
    using Handle = std::list<Job>::iterator;

    /// What the threads share with this one.
    struct Threads {
        std::mutex lock;
        std::condition_variable changed;
        std::queue<std::function<void()>> waiting;  ///< no more than there are threads
        bool ended = false;

        void serve();
    };

    void start_next();
    bool must_wait(const Job& job) const;
    Handle next();
    void is_done(Handle job);

    Loop& loop_;
    std::shared_ptr<Threads> threads_;
    std::size_t count_ = 0;                  ///< of threads
    std::list<Job> jobs_;                    ///< the oldest first
    std::map<Owner, std::uint64_t> served_;  ///< when it had its last turn: the how manyth that was
    std::uint64_t turns_ = 0;
};

}  // namespace capsule::broker
