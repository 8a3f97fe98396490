#include "daemon/write/turn.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "daemon/write/io_error.hpp"

namespace capsule {
namespace {

/// The directories in which a thread of this process has its turn.
class Turns {
  public:
    bool take(const Turn::Directory& directory, std::chrono::milliseconds longest) {
        std::unique_lock lock(mutex_);
        const auto is_free = [&] { return !taken_.contains(directory); };
        return freed_.wait_for(lock, longest, is_free) && taken_.insert(directory).second;
    }
    void give_back(const Turn::Directory& directory) {
        const std::lock_guard lock(mutex_);
        taken_.erase(directory);
        freed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable freed_;
    std::set<Turn::Directory> taken_;
};

Turns& turns() {
    static Turns all;
    return all;
}

/// Any program of that user can hold the lock, and for as long as it likes; then this run goes on without, as other
/// programs are met by the exchange.
bool lock_soon(const Place& place) {
    constexpr std::chrono::milliseconds longest{100}, pause{1};
    const auto limit = std::chrono::steady_clock::now() + longest;
    while (::flock(place.directory_fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return true;  // a file system without locks
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::sleep_for(pause);
    }
    return true;
}

}  // namespace

Turn::~Turn() {
    if (directory_) turns().give_back(*directory_);
}

Result<Turn> take_turn(Place& place) {
    constexpr std::chrono::seconds longest{2};
    struct stat status {};
    if (::fstat(place.directory_fd.get(), &status) != 0) return io_error("look at", place.directory, errno);
    const Turn::Directory directory{status.st_dev, status.st_ino};
    if (!turns().take(directory, longest))
        return Error{ErrorCode::io_error, "another request is still writing in " + place.directory,
                     "see whether its disk answers, then try again"};
    Turn turn(directory);
    place.has_lock = lock_soon(place);
    return turn;
}

}  // namespace capsule
