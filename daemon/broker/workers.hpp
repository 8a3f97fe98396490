// What takes the processor for long goes to threads of its own: no session's work holds up another user's.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "daemon/broker/loop.hpp"

namespace capsule::broker {

/// Something to be computed, and one who waits for it.
struct Work {
    Work(Loop& loop, std::function<void()> what) : compute(std::move(what)), done(loop) {}

    /// Owns all that it uses: it may run for longer than anybody waits for it, and than the loop.
    std::function<void()> compute;
    Signal done;
};

/// Each owner has one thread at a time. Lives on the loop's thread, and on no other.
class Workers : public std::enable_shared_from_this<Workers> {
  public:
    explicit Workers(Loop& loop) : loop_(loop) {}

    /// Whoever fires `work->done` before has waited long enough. Work that has not begun when the last one has let go
    /// of it is not done any more. Where the system has no thread left, the loop's does it.
    Task<void> run(std::shared_ptr<Work> work, Owner owner);

    static constexpr std::size_t most_threads = 16;

  private:
    struct Job {
        std::weak_ptr<Work> work;
        Owner owner;
        bool runs = false;
    };
    using Place = std::list<Job>::iterator;

    void start_next();
    void start(Place job, const std::shared_ptr<Work>& work);
    void is_done(Place job);

    Loop& loop_;
    std::list<Job> jobs_;  ///< the oldest first
};

}  // namespace capsule::broker
