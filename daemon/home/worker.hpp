// The threads on which everything in the session user's home is read and written, with that user's identity. Whatever
// that user does to its files, nobody waits for them longer than a limit, and none waits behind another's job.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// From the call to the answer, waiting for other jobs included.
inline constexpr std::chrono::milliseconds home_job_limit{10'000};

/// How long a job takes is up to whoever made the files, the directory, or PATH. So there is one job per asker at a
/// time; two threads are for root's, and three for those of all others.
inline constexpr std::size_t home_threads = 5, home_threads_of_root = 2;

/// So many threads may be left behind in calls that do not return, two of each asker, by jobs of one kind. Then nothing
/// more of that kind is begun in that home until one of them comes back. Root has two more.
inline constexpr std::size_t most_stuck_home_threads = 6, most_stuck_of_an_asker = 2;

class HomeWorker {
  public:
    /// Whose the open files of a thread are. Its `own` (own_files.hpp): no descriptor goes into a job or comes out of
    /// one.
    enum class Files { own, the_daemons };

    /// With `same_user` nothing is changed. Throws Failure where no thread can be had. Does not wait until one has
    /// started: by then other users may have kept it waiting.
    HomeWorker(const SessionUser& user, bool same_user, std::size_t threads = home_threads, Files files = Files::own);
    ~HomeWorker();
    HomeWorker(const HomeWorker&) = delete;
    HomeWorker& operator=(const HomeWorker&) = delete;

    /// Waits until a thread takes jobs. Fails when none can take the identity: then nothing in that home may be
    /// touched, and run() fails likewise.
    Result<void> wait_until_it_serves();

    /// For whom a job is: a uid. Those that wait for a thread have it in turns, however many jobs one of them has.
    using Asker = std::uint64_t;
    /// The user's uid, whatever the job is for.
    static constexpr Asker user_of(Asker asker) { return asker & 0xffff'ffff; }
    /// Root goes first, and has two jobs under way.
    static constexpr Asker first = 0;
    /// The same user's jobs of another kind, whose threads that are left behind do not keep sessions from starting:
    /// what `status` looks for.
    static constexpr Asker looking(Asker user) { return user | Asker{1} << 32; }

    /// Calls `job`, which gives a Result, on a thread and resumes the caller with it. An asker's jobs run one after the
    /// other. Fails with io.error at the limit. The job is then interrupted, and if that does not help, it and its
    /// thread are left behind and a new thread takes over: a job must own all that it uses. The thread's time limit
    /// (base/time_limit.hpp) is the job's. To be called on the thread of the caller's executor, one for all calls.
    template <class Function>
    boost::asio::awaitable<std::invoke_result_t<Function>> run(Function job, std::chrono::milliseconds limit,
                                                               Asker asker) {
        using Value = std::invoke_result_t<Function>;
        // Both are the job's, whoever is the last to need them.
        const auto kept = std::make_shared<Function>(std::move(job));
        const auto value = std::make_shared<std::optional<Value>>();
        std::function<void()> work = [kept, value] { value->emplace((*kept)()); };
        const auto done = co_await call(std::move(work), limit, asker);
        if (!done) co_return done.error();
        co_return std::move(**value);
    }

  private:
    struct Job;
    struct Seat;
    struct Shared;
    struct Waiter;
    class Awaited;
    class Ends;

    boost::asio::awaitable<Result<void>> call(std::function<void()> work, std::chrono::milliseconds limit, Asker asker);
    void start_thread();
    void start_missing_threads();
    std::shared_ptr<Ends> ends(const boost::asio::any_io_executor& executor);
    void leave_thread(const std::shared_ptr<Job>& job);
    Error too_late() const;

    SessionUser user_;
    bool same_user_;
    std::size_t threads_;
    Files files_;
    UniqueFd wake_;  ///< until ends_ has it
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<Ends> ends_;  ///< none: nobody has asked for anything yet
};

}  // namespace capsule
