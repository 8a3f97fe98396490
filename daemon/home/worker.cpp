#include "daemon/home/worker.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>

#include "daemon/home/file_identity.hpp"
#include "daemon/home/jobs.hpp"
#include "daemon/home/own_files.hpp"
#include "daemon/log/log.hpp"
#include "daemon/process/interrupt.hpp"
#include "daemon/process/subprocess.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// A call that a signal ends (open on a leased file, a lock) is ended by the first of these or by one of the next.
constexpr int interruptions = 10;
constexpr std::chrono::milliseconds between_interruptions{50};

}  // namespace

/// The coroutine that waits for a job. Of the caller's thread alone.
struct HomeWorker::Waiter {
    Waiter(const asio::any_io_executor& executor, std::chrono::milliseconds limit) : done(executor, limit) {}

    asio::steady_timer done;
    bool finished = false;
    std::exception_ptr failure;
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

HomeWorker::HomeWorker(const SessionUser& user, bool same_user, std::size_t threads, Files files)
    : user_(user), same_user_(same_user), threads_(threads), files_(files), shared_(std::make_shared<Shared>()) {
    prepare_interruptions();
    start_missing_threads();
}

HomeWorker::~HomeWorker() {
    // Not joined: a thread that is held up would hold up the daemon's end. It owns all that it still uses.
    shared_->close();
}

void HomeWorker::start_thread() {
    auto seat = std::make_shared<Seat>();
    std::promise<bool> identity;
    auto taken = identity.get_future();
    auto serve = [shared = shared_, seat, user = user_, same_user = same_user_, files = files_,
                  identity = std::move(identity)]() mutable {
        try {
            const bool own_files = files == Files::the_daemons || take_own_files();
            if (!same_user) take_file_identity(user);
            identity.set_value(own_files);
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
    static bool told = false;
    if (!taken.get() && !std::exchange(told, true))
        spdlog::warn(
            "a user's file system can hold the daemon up: the kernel (before Linux 5.9) or a seccomp filter does not "
            "let threads have open files of their own (close_range)");
    ++serving_;
}

/// One is enough to go on with. The others are there before they are needed: agents may take all the processes and
/// threads that the system has.
void HomeWorker::start_missing_threads() {
    const std::size_t before = serving_;
    while (serving_ < threads_) {
        try {
            start_thread();
        } catch (const Failure& failure) {
            if (serving_ == 0) throw;
            break;
        }
    }
    if (serving_ != before) shared_->keep_for_root(serving_);
}

Error HomeWorker::too_late() const {
    return {ErrorCode::io_error, "the files of " + user_.name + "'s session did not answer in time",
            "see what holds them up: a lock or lease of one of that user's programs (`lslocks`), a file system that "
            "does not answer, or a loaded machine; `capsulectl reload` gives up what waits for it"};
}

void HomeWorker::leave_thread(const std::shared_ptr<Job>& job) {
    if (!shared_->leave_behind(*job)) return;
    shared_->keep_for_root(--serving_);
    log_warning(
        "home.thread_held_up",
        {{"home_of", std::int64_t{user_.uid}},
         {"why",
          "a call in this user's home, or in /proc, has not returned in time; its thread was given up and replaced"}});
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
