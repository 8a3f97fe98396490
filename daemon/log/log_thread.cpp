#include "daemon/log/log_thread.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace capsule {
namespace {

/// How long whoever ends waits for what is not written yet.
constexpr std::chrono::milliseconds moment{500};

/// What fails counts as written: a log that cannot be written is no reason to stop.
void write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            // Its launcher has made it so.
            pollfd ready{descriptor, POLLOUT, 0};
            ::poll(&ready, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return;
        }
    }
}

}  // namespace

struct LogThread::Shared {
    int descriptor = -1;
    UniqueFd own;
    std::mutex mutex;
    std::condition_variable changed;
    std::string pending, writing;
    bool ended = false;

    void serve() {
        std::unique_lock lock(mutex);
        for (;;) {
            changed.wait(lock, [&] { return ended || !pending.empty(); });
            if (pending.empty()) return;
            writing.swap(pending);
            lock.unlock();
            write_all(descriptor, writing);
            lock.lock();
            writing.clear();
            changed.notify_all();
        }
    }
};

LogThread::LogThread(int descriptor) : shared_(std::make_shared<Shared>()) {
    shared_->descriptor = descriptor;
    shared_->pending.reserve(most_bytes);
    shared_->writing.reserve(most_bytes);
}

LogThread::LogThread(UniqueFd own) : LogThread(own.get()) {
    shared_->own = std::move(own);
}

LogThread::~LogThread() {
    std::unique_lock lock(shared_->mutex);
    shared_->ended = true;
    shared_->changed.notify_all();
    shared_->changed.wait_for(lock, moment, [&] { return shared_->pending.empty() && shared_->writing.empty(); });
}

bool LogThread::put(std::string_view line) {
    if (!is_started_) {
        // The daemon's signals are for its other threads. A background process may write to its terminal then, too.
        sigset_t all, before;
        sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before);
        try {
            std::thread([shared = shared_] { shared->serve(); }).detach();
            is_started_ = true;
        } catch (const std::system_error&) {
            is_started_ = false;  // none to be had: with the next line there may be
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (!is_started_) return false;
    }
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->pending.size() + line.size() > most_bytes) return false;
        shared_->pending.append(line);
    }
    shared_->changed.notify_all();
    return true;
}

}  // namespace capsule
