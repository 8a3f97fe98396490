#include "daemon/home/worker.hpp"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

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

std::atomic<bool> files_are_shared = false;

void tell_of_shared_files() {
    static bool told = false;
    if (!files_are_shared || std::exchange(told, true)) return;
    spdlog::warn(
        "a user's file system can hold the daemon up: the kernel (before Linux 5.9) or a seccomp filter does not "
        "let threads have open files of their own (close_range)");
}

Result<void> result_of(const std::exception_ptr& failure) {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (const Failure& known) {
        return known.error();
    }
}

}  // namespace

/// The coroutine that waits for a job. Of the caller's thread alone.
struct HomeWorker::Waiter {
    Waiter(const asio::any_io_executor& executor, std::chrono::milliseconds limit) : done(executor, limit) {}

    asio::steady_timer done;
    bool finished = false;
    std::exception_ptr failure;
};

/// Hears that jobs are over, on the callers' thread and for as long as one of them waits. The threads of the home have
/// nothing of the loop open with which they could post.
class HomeWorker::Ends : public std::enable_shared_from_this<Ends> {
  public:
    Ends(const asio::any_io_executor& executor, UniqueFd& wake, std::shared_ptr<Shared> shared)
        : wake_(executor, wake.get()), shared_(std::move(shared)) {
        wake.release();
    }

    void begin_waiting() {
        ++waiting_;
        listen();
    }
    void end_waiting() {
        boost::system::error_code ignored;
        if (--waiting_ == 0) wake_.cancel(ignored);
    }

  private:
    void listen() {
        if (waiting_ == 0 || std::exchange(listens_, true)) return;
        wake_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](boost::system::error_code error) {
                             self->listens_ = false;
                             self->shared_->tell_ends();
                             if (!error || error == asio::error::operation_aborted) self->listen();
                         });
    }

    asio::posix::stream_descriptor wake_;
    std::shared_ptr<Shared> shared_;
    std::size_t waiting_ = 0;
    bool listens_ = false;
};

/// While a coroutine waits: nobody is told who has gone, however that came.
class HomeWorker::Awaited {
  public:
    Awaited(std::shared_ptr<Ends> ends, std::shared_ptr<Shared> shared, std::shared_ptr<Job> job,
            std::shared_ptr<const Waiter> waiter)
        : ends_(std::move(ends)), shared_(std::move(shared)), job_(std::move(job)), waiter_(std::move(waiter)) {
        ends_->begin_waiting();
        // Without the lock, which the other thread wants first.
        if (const auto seat = shared_->add(job_)) seat->wake.notify_one();
    }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;
    ~Awaited() {
        ends_->end_waiting();
        // The thread that has told its caller may still have the lock.
        if (waiter_->finished) return;
        const std::lock_guard lock(shared_->mutex);
        job_->tell = nullptr;
    }

  private:
    std::shared_ptr<Ends> ends_;
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<Job> job_;
    std::shared_ptr<const Waiter> waiter_;
};

HomeWorker::HomeWorker(const SessionUser& user, bool same_user, std::size_t threads, Files files)
    : user_(user),
      same_user_(same_user),
      threads_(threads),
      files_(files),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      shared_(std::make_shared<Shared>(wake_.get())) {
    if (!wake_)
        throw Failure(
            {ErrorCode::io_error,
             "cannot start the threads for the home of " + user_.name + ": " + std::generic_category().message(errno),
             "raise how many files may be open (ulimit -n, LimitNOFILE= of the service)"});
    prepare_interruptions();
    start_missing_threads();
}

HomeWorker::~HomeWorker() {
    // Not joined: a thread that is held up would hold up the daemon's end. It owns all that it still uses.
    shared_->close();
}

void HomeWorker::start_thread() {
    auto serve = [shared = shared_, user = user_, same_user = same_user_, files = files_] {
        try {
            if (files == Files::own && !take_own_files(shared->wake)) files_are_shared = true;
            if (!same_user) take_file_identity(user);
        } catch (...) {
            shared->forget_started(std::current_exception());
            return;
        }
        shared->serve(std::make_shared<Seat>());
    };
    try {
        std::thread(std::move(serve)).detach();
    } catch (const std::system_error& error) {
        throw Failure({ErrorCode::io_error,
                       "cannot start a thread for the home of " + user_.name + ": " + error.code().message(),
                       no_more_processes});
    }
}

/// One is enough to go on with. The others are there before they are needed: agents may take all the processes and
/// threads that the system has.
void HomeWorker::start_missing_threads() {
    // Those that cannot serve are no reason to start others for as long as they come.
    for (std::size_t left = threads_; left > 0 && shared_->may_start(threads_); --left) {
        try {
            start_thread();
        } catch (const Failure&) {
            if (shared_->forget_started(std::current_exception()) == 0) throw;
            break;
        }
    }
}

Result<void> HomeWorker::wait_until_it_serves() {
    const Result<void> out = result_of(shared_->why_none_serves());
    tell_of_shared_files();
    return out;
}

std::shared_ptr<HomeWorker::Ends> HomeWorker::ends(const asio::any_io_executor& executor) {
    if (ends_) return ends_;
    // The loop's own: that of a caller would have the end of everybody's job wait behind that one's other requests.
    auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
    return ends_ = std::make_shared<Ends>(loop.get_executor(), wake_, shared_);
}

Error HomeWorker::too_late() const {
    return {ErrorCode::io_error, "the files of " + user_.name + "'s session did not answer in time",
            "see what holds them up: a lock or lease of one of that user's programs (`lslocks`), a file system that "
            "does not answer, or a loaded machine; `capsulectl reload` gives up what waits for it"};
}

void HomeWorker::leave_thread(const std::shared_ptr<Job>& job) {
    if (!shared_->leave_behind(*job)) return;
    log_warning(
        "home.thread_held_up",
        {{"home_of", std::int64_t{user_.uid}},
         {"asked_by", static_cast<std::int64_t>(user_of(job->asker))},
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
    tell_of_shared_files();
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
    // Called on this thread, to which the waiter's timer belongs.
    job->tell = [waiter](std::exception_ptr failure) {
        waiter->finished = true;
        waiter->failure = std::move(failure);
        waiter->done.cancel();
    };
    const Awaited awaited(ends(executor), shared, job, waiter);
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
    co_return result_of(waiter->failure);
}

}  // namespace capsule
