#include "daemon/process/closing_thread.hpp"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "daemon/process/interrupt.hpp"

namespace capsule {
namespace asio = boost::asio;

struct ClosingThread::Shared {
    struct Job {
        int descriptor;
        std::shared_ptr<void> held;
    };

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> queue;
    std::uint64_t closed = 0;  ///< how many so far
    bool busy = false;
    bool ended = false;
    pthread_t thread{};

    void serve(const asio::any_io_executor& executor) {
        std::unique_lock lock(mutex);
        thread = ::pthread_self();
        for (;;) {
            changed.wait(lock, [&] { return ended || !queue.empty(); });
            if (ended) return;
            Job job = std::move(queue.front());
            queue.pop_front();
            busy = true;
            lock.unlock();
            ::close(job.descriptor);
            lock.lock();
            busy = false;
            ++closed;
            // The executor is there for as long as this has not ended.
            if (!ended && job.held) asio::post(executor, [held = std::move(job.held)] {});
            if (ended) return;
        }
    }
};

ClosingThread::ClosingThread(asio::any_io_executor executor)
    : executor_(std::move(executor)), timer_(executor_), shared_(std::make_shared<Shared>()) {
    prepare_interruptions();
    std::thread([shared = shared_, executor = executor_] { shared->serve(executor); }).detach();
}

ClosingThread::~ClosingThread() {
    end();
}

void ClosingThread::end() {
    timer_.cancel();
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
    shared_->changed.notify_all();
}

void ClosingThread::close(asio::local::stream_protocol::socket& socket, std::shared_ptr<void> held) {
    boost::system::error_code error;
    socket.shutdown(asio::local::stream_protocol::socket::shutdown_both, error);
    const int descriptor = socket.release(error);
    if (!error) close(descriptor, std::move(held));
}

void ClosingThread::close(int descriptor, std::shared_ptr<void> held) {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->ended) return;
        shared_->queue.push_back({descriptor, std::move(held)});
    }
    shared_->changed.notify_one();
    if (!watching_) watch();
}

/// Interrupts a call that was under way at the last look, too, for as long as there is something to close.
void ClosingThread::watch() {
    watching_ = true;
    timer_.expires_after(between_interruptions);
    timer_.async_wait([this, before = [&] {
        const std::lock_guard lock(shared_->mutex);
        return shared_->closed;
    }()](boost::system::error_code error) {
        if (error) return;
        bool more = false;
        {
            const std::lock_guard lock(shared_->mutex);
            if (shared_->busy && shared_->closed == before) ::pthread_kill(shared_->thread, interrupting_signal());
            more = shared_->busy || !shared_->queue.empty();
        }
        watching_ = false;
        if (more) watch();
    });
}

}  // namespace capsule
