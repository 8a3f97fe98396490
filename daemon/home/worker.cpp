#include "daemon/home/worker.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "daemon/base/time_limit.hpp"
#include "daemon/process/interrupt.hpp"
#include "daemon/process/memory_after.hpp"
#include "daemon/process/stack_wiper.hpp"
#include "daemon/process/subprocess.hpp"
#include "protocol/capabilities.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// A call that a signal ends (open on a leased file, a lock) is ended by the first of these or by one of the next.
constexpr int interruptions = 10;
constexpr std::chrono::milliseconds between_interruptions{50};

/// For this thread only, and for files only: the real and saved ids stay the daemon's, so that the user's processes
/// cannot signal or trace the thread. Leaving fsuid 0 takes the capabilities that override permissions away, unless the
/// daemon's starter has kept the kernel from it; so the thread gives them up itself.
void take_file_identity(const SessionUser& user) {
    std::vector<gid_t> groups(user.groups.begin(), user.groups.end());
    // glibc's setgroups would change every thread.
    bool good = ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
    ::setfsgid(user.gid);
    ::setfsuid(user.uid);
    // setfs*id() give no error: the previous value, which a second call reads back.
    good = good && static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == user.gid;
    good = good && static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == user.uid;
    if (good && user.uid != 0 && !give_up_own_capabilities(Given::for_now))
        throw Failure({ErrorCode::io_error, "cannot give up root's capabilities in the home of " + user.name,
                       "start the daemon without securebits (SecureBits= of the service, setpriv --securebits)"});
    if (!good)
        throw Failure({ErrorCode::io_error, "cannot act as user " + user.name + " in its home",
                       "run the daemon with CAP_SETUID and CAP_SETGID, or unset [session] user"});
}

}  // namespace

/// The coroutine that waits for a job. Of the caller's thread alone.
struct HomeWorker::Waiter {
    Waiter(const asio::any_io_executor& executor, std::chrono::milliseconds limit) : done(executor, limit) {}

    asio::steady_timer done;
    bool finished = false;
    std::exception_ptr failure;
};

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

/// What the caller's thread and the others share, all of it under the lock.
struct HomeWorker::Shared {
    std::mutex mutex;
    std::deque<std::shared_ptr<Job>> queue;
    std::vector<std::shared_ptr<Seat>> idle;  ///< the last one is woken first: it has at hand what jobs use
    std::map<Asker, std::uint64_t> served;    ///< when it had its last turn: the how manyth that was
    std::uint64_t turns = 0;
    std::size_t most_of_others = 1;  ///< jobs of all but root
    std::multiset<Asker> under_way;  ///< whose jobs run
    std::multiset<Asker> stuck;      ///< whose jobs were left behind
    bool closed = false;

    /// Takes the jobs, one after the other, until it is left behind.
    void serve(const std::shared_ptr<Seat>& own) {
        Seat& seat = *own;
        std::unique_lock lock(mutex);
        seat.thread = ::pthread_self();
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
            std::exception_ptr failure = run(*job);
            lock.lock();
            if (job->tell) job->tell(std::move(failure));
            job->tell = nullptr;
            job->seat = nullptr;
            auto& those = seat.left_behind ? stuck : under_way;
            those.erase(those.find(job->asker));
            lock.unlock();
            // Whatever way the job ended, the stack held what it read and wrote. Its caller does not wait for this.
            wipe_stack();
            give_back_if_long(std::chrono::steady_clock::now() - began);
            lock.lock();
        }
    }

    using Queue = std::deque<std::shared_ptr<Job>>;

    bool may_begin(Asker asker) const {
        if (has_too_many_stuck(asker)) return false;
        const std::size_t of_root = under_way.count(first);
        if (asker == first) return of_root < home_threads_of_root;
        return !under_way.contains(asker) && under_way.size() - of_root < most_of_others;
    }

    /// Of whoever has waited longest for a turn, and may have one, the oldest.
    Queue::iterator find_next() {
        const auto last_turn = [&](Asker asker) {
            if (asker == first) return std::uint64_t{0};
            const auto found = served.find(asker);
            return found == served.end() ? 1 : 1 + found->second;
        };
        auto out = queue.end();
        for (auto job = queue.begin(); job != queue.end(); ++job) {
            const Asker asker = (*job)->asker;
            if ((out == queue.end() || last_turn(asker) < last_turn((*out)->asker)) && may_begin(asker)) out = job;
        }
        return out;
    }

    std::shared_ptr<Job> take(Queue::iterator next) {
        std::shared_ptr<Job> job = std::move(*next);
        queue.erase(next);
        under_way.insert(job->asker);
        constexpr std::size_t most_askers = 1024;
        if (served.size() >= most_askers) served.clear();
        served[job->asker] = ++turns;
        return job;
    }

    static std::exception_ptr run(Job& job) {
        set_time_limit(job.end);
        std::exception_ptr failure;
        try {
            job.work();
        } catch (...) {
            failure = std::current_exception();
        }
        job.work = nullptr;  // what it holds goes here, and not where the waiter is
        return failure;
    }

    std::shared_ptr<Seat> add(const std::shared_ptr<Job>& job) {
        const std::lock_guard lock(mutex);
        queue.push_back(job);
        return may_begin(job->asker) ? take_idle() : nullptr;
    }

    std::shared_ptr<Seat> take_idle() {
        if (idle.empty()) return nullptr;
        auto out = std::move(idle.back());
        idle.pop_back();
        return out;
    }

    void wake_one() {
        if (const auto seat = take_idle()) seat->wake.notify_one();
    }

    bool take_back(const std::shared_ptr<Job>& job) {
        const std::lock_guard lock(mutex);
        return std::erase(queue, job) > 0;
    }

    /// A signal for the thread that runs the job; false: it has come to its end.
    bool interrupt(const Job& job) {
        const std::lock_guard lock(mutex);
        return job.seat && ::pthread_kill(job.seat->thread, interrupting_signal()) == 0;
    }

    /// False: the thread has come back after all.
    bool leave_behind(const Job& job) {
        const std::lock_guard lock(mutex);
        if (!job.seat) return false;
        job.seat->left_behind = true;
        under_way.erase(under_way.find(job.asker));
        stuck.insert(job.asker);
        wake_one();
        return true;
    }

    bool has_too_many_stuck(Asker asker) const {
        const std::size_t most = most_stuck_home_threads + (asker == first ? home_threads_of_root : 0);
        return stuck.count(asker) >= most_stuck_of_an_asker || stuck.size() >= most;
    }

    bool must_be_refused(Asker asker) {
        const std::lock_guard lock(mutex);
        return has_too_many_stuck(asker);
    }
};

/// While a coroutine waits: nobody is told who has gone, however that came.
class HomeWorker::Awaited {
  public:
    Awaited(std::shared_ptr<Shared> shared, std::shared_ptr<Job> job, std::shared_ptr<const Waiter> waiter)
        : shared_(std::move(shared)), job_(std::move(job)), waiter_(std::move(waiter)) {
        // Without the lock, which the other thread wants first.
        if (const auto seat = shared_->add(job_)) seat->wake.notify_one();
    }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;
    ~Awaited() {
        // The thread that has told its caller may still have the lock.
        if (waiter_->finished) return;
        const std::lock_guard lock(shared_->mutex);
        job_->tell = nullptr;
    }

  private:
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<Job> job_;
    std::shared_ptr<const Waiter> waiter_;
};

HomeWorker::HomeWorker(const SessionUser& user, bool same_user, std::size_t threads)
    : user_(user), same_user_(same_user), threads_(threads), shared_(std::make_shared<Shared>()) {
    if (threads > home_threads_of_root) shared_->most_of_others = threads - home_threads_of_root;
    prepare_interruptions();
    start_missing_threads();
}

HomeWorker::~HomeWorker() {
    // Not joined: a thread that is held up would hold up the daemon's end. It owns all that it still uses.
    const std::lock_guard lock(shared_->mutex);
    shared_->closed = true;
    while (!shared_->idle.empty())
        shared_->wake_one();
}

void HomeWorker::start_thread() {
    auto seat = std::make_shared<Seat>();
    std::promise<void> identity;
    auto taken = identity.get_future();
    auto serve = [shared = shared_, seat, user = user_, same_user = same_user_,
                  identity = std::move(identity)]() mutable {
        try {
            if (!same_user) take_file_identity(user);
            identity.set_value();
        } catch (...) {
            identity.set_exception(std::current_exception());
            return;
        }
        shared->serve(seat);
    };
    try {
        std::thread(std::move(serve)).detach();
    } catch (const std::system_error& error) {
        throw Failure({ErrorCode::io_error,
                       "cannot start a thread for the home of " + user_.name + ": " + error.code().message(),
                       no_more_processes});
    }
    taken.get();
    ++serving_;
}

/// One is enough to go on with. The others are there before they are needed: agents may take all the processes and
/// threads that the system has.
void HomeWorker::start_missing_threads() {
    while (serving_ < threads_) {
        try {
            start_thread();
        } catch (const Failure& failure) {
            if (serving_ == 0) throw;
            return;
        }
    }
}

Error HomeWorker::too_late() const {
    return {ErrorCode::io_error, "the files of " + user_.name + "'s session did not answer in time",
            "see what holds them up: a lock or lease of one of that user's programs (`lslocks`), a file system that "
            "does not answer, or a loaded machine; `capsulectl reload` gives up what waits for it"};
}

void HomeWorker::leave_thread(const std::shared_ptr<Job>& job) {
    if (!shared_->leave_behind(*job)) return;
    --serving_;
    spdlog::warn("something in the home of {} holds a thread up: another one goes on", user_.name);
    try {
        start_missing_threads();
    } catch (const std::exception& failure) {
        spdlog::error("no other thread for the home of {}: {}", user_.name, failure.what());
    }
}

asio::awaitable<Result<void>> HomeWorker::call(std::function<void()> work, std::chrono::milliseconds limit,
                                               Asker asker) {
    const auto shared = shared_;
    if (shared->must_be_refused(asker)) co_return too_late();
    try {
        start_missing_threads();
    } catch (const Failure& failure) {
        co_return failure.error();
    }
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Waiter>(executor, limit);
    const auto job = std::make_shared<Job>();
    job->asker = asker;
    job->work = std::move(work);
    job->end = waiter->done.expiry();
    // The waiter goes with what is posted: its timer belongs to the caller's thread, which has the last of it.
    job->tell = [waiter, executor](std::exception_ptr failure) mutable {
        asio::post(executor, [waiter = std::move(waiter), failure] {
            waiter->finished = true;
            waiter->failure = failure;
            waiter->done.cancel();
        });
    };
    const Awaited awaited(shared, job, waiter);
    boost::system::error_code ignored;
    co_await waiter->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!waiter->finished && shared->take_back(job)) co_return too_late();
    bool interrupted = false;
    for (int i = 0; i < interruptions && !waiter->finished; ++i) {
        interrupted = shared->interrupt(*job) || interrupted;
        waiter->done.expires_after(between_interruptions);
        co_await waiter->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (!waiter->finished) leave_thread(job);
    if (!waiter->finished || interrupted) co_return too_late();
    if (waiter->failure) std::rethrow_exception(waiter->failure);
    co_return Result<void>();
}

}  // namespace capsule
