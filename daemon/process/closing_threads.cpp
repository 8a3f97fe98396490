#include "daemon/process/closing_threads.hpp"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "daemon/process/interrupt.hpp"
#include "daemon/process/sent_descriptors.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Of the calling thread, while it lives. Without it calls end when they end.
class Interruptions {
  public:
    explicit Interruptions(std::chrono::nanoseconds apart) {
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = interrupting_signal();
        event._sigev_un._tid = ::gettid();  // glibc 2.36 has no other name for it
        is_set_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
        const timespec each{0, apart.count()};
        const itimerspec times{each, each};
        if (is_set_) ::timer_settime(timer_, 0, &times, nullptr);
    }
    Interruptions(const Interruptions&) = delete;
    Interruptions& operator=(const Interruptions&) = delete;
    ~Interruptions() {
        if (is_set_) ::timer_delete(timer_);
    }

  private:
    timer_t timer_{};
    bool is_set_ = false;
};

/// Whether nothing is left in its buffer, to which nobody can add: where no byte is, no descriptor is, either.
bool read_away(int socket) {
    urgent_bytes_in_place(socket);
    std::array<char, 4096> chunk;
    boost::system::error_code error;
    do {
        receive_now(socket, chunk, error);
    } while (!error || error == asio::error::connection_reset);  // said once, before the end
    ::explicit_bzero(chunk.data(), chunk.size());
    return error == asio::error::eof;
}

}  // namespace

struct ClosingThreads::Shared {
    struct Line {
        std::deque<int> sockets;
        bool has_thread = false;
    };

    std::mutex mutex;
    std::map<uid_t, Line> lines;  ///< of users who have something to be closed
    bool ended = false;

    void serve(uid_t user) {
        const Interruptions interruptions(between_interruptions);
        std::unique_lock lock(mutex);
        const auto line = lines.find(user);
        while (!ended && !line->second.sockets.empty()) {
            const int socket = line->second.sockets.front();
            line->second.sockets.pop_front();
            lock.unlock();
            ::close(socket);
            lock.lock();
        }
        lines.erase(line);
    }
};

ClosingThreads::ClosingThreads() : shared_(std::make_shared<Shared>()) {
    prepare_interruptions();
}

ClosingThreads::~ClosingThreads() {
    end();
}

void ClosingThreads::end() {
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
}

void ClosingThreads::close(asio::local::stream_protocol::socket& socket, uid_t user) {
    boost::system::error_code error;
    const int descriptor = socket.release(error);
    if (!error) close(descriptor, user);
}

void ClosingThreads::close(int socket, uid_t user) {
    ::shutdown(socket, SHUT_RDWR);
    if (read_away(socket)) {
        ::close(socket);
        return;
    }
    const std::lock_guard lock(shared_->mutex);
    if (shared_->ended) return;
    Shared::Line& line = shared_->lines[user];
    line.sockets.push_back(socket);
    if (line.has_thread) return;
    try {
        std::thread([shared = shared_, user] { shared->serve(user); }).detach();
        line.has_thread = true;
    } catch (const std::system_error&) {
        // There are no more threads. This user's next one tries again.
    }
}

}  // namespace capsule
